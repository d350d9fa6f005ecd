"""What the dashboards on Prometheus are made of: the source, selectors, targets, variables, links.

Entities have other labels in every installation; `signal` is the one that every score has. So nothing is aggregated by
an entity's labels, and "All" of a variable also matches where its label is absent.
"""

import json
from collections.abc import Iterable
from urllib.parse import quote

from board import query_variable, uid
from fields import Json, link, override, transform, wrapped

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ENTITY = 'namespace=~"$namespace", service=~"$service"'
VARIABLE = f'{ENTITY}, signal=~"$signal"'
NAME = "{{namespace}} {{service}}{{workload}}{{pod}}{{instance}}{{client}} {{server}}"
"""A legend for an entity: of the labels that tell entities apart those that it has; a label that is absent is empty."""

INCIDENT = 'incident="$incident"'
OF_VERDICTS = "root_cause, is_root_cause, measured"
"""The labels of a verdict that are not those of its entity."""


VERDICTS = {1: ("anomalous", "yellow"), 2: ("suffers", "orange"), 3: ("broke", "red")}
"""How verdicts are written, and their colours."""


def verdicts(selector: str = "") -> str:
    """3 for an entity that broke, 2 for one that suffers by another, 1 for one whose cause is not known."""
    before = f"{selector}, " if selector else ""

    def anomalous(broke: str, cause: str) -> str:
        return f'causal_service_anomaly{{{before}is_root_cause="{broke}", root_cause{cause}""}} == 1'

    broke, suffers, other = anomalous("true", "!="), anomalous("false", "!="), anomalous("false", "=")
    return f"3 * ({broke}) or 2 * ({suffers}) or ({other})"


def over_time(expr: str, legend: str = NAME) -> Json:
    """A target whose answer is drawn over time."""
    return {"datasource": SOURCE, "expr": expr, "legendFormat": legend, "range": True, "editorMode": "code"}


def rows_now(expr: str) -> Json:
    """A target whose newest answer becomes rows."""
    return {
        "datasource": SOURCE,
        "expr": expr,
        "instant": True,
        "range": False,
        "format": "table",
        "editorMode": "code",
    }


def merged(exprs: Iterable[str]) -> list[Json]:
    """Targets whose rows become one row an entity: without their metric's name, which would keep them apart."""
    return [rows_now(f"1 * ({expr})") for expr in exprs]


def number_now(expr: str, legend: str) -> Json:
    """A target whose newest answer is a number."""
    return rows_now(expr) | {"format": "time_series", "legendFormat": legend}


def once(metric: str, selector: str = "") -> str:
    """What a metric was at the end of the time range, or last within it."""
    return f"last_over_time({metric}{{{selector}}}[$__range] @ end())"


def newest(metric: str, selector: str = "") -> str:
    """Of an incident's series of a metric those that are there, or else the one that was there last."""
    chosen = f"{metric}{{{selector}}}"
    return f"({chosen} or on (incident) topk(1, max_over_time(timestamp({chosen})[$__range:1m] @ end())))"


def told(expr: str, label: str, text: str) -> str:
    """An expression whose label says a text where it is empty."""
    return f'label_replace({expr}, "{label}", "{text}", "{label}", "")'


def or_else(expr: str, label: str, text: str) -> str:
    """An expression, or -1 with a text as a label where it is empty: a panel of names says nothing by itself."""
    return f'{expr} or on () label_replace(vector(-1), "{label}", "{text}", "", "")'


def advice(expr: str) -> str:
    """An action without its runbook, whose address becomes a label of its own."""
    with_runbook = f'label_replace({expr}, "runbook", "$1", "action", ".*; runbook: (.*)")'
    return f'label_replace({with_runbook}, "action", "$1", "action", "(.*); runbook: .*")'


def advice_columns() -> Json:
    """How advice is shown: what to do, and a link to how."""
    named = [{"type": "regex", "options": {"pattern": ".+", "result": {"text": "runbook", "index": 0}}}]
    return {
        "header": False,
        "transformations": [columns("incident", "Value", "job", "instance", order=("action", "runbook"))],
        "overrides": [
            override("action", **wrapped()),
            override("runbook", custom__width=85, mappings=named, links=link("The runbook", "${__value.raw}")),
        ],
    }


def anomalous_in_range(score: str) -> str:
    """A score, of those that were above 1 within the time range."""
    return f"{score} and (max_over_time({score}[$__range] @ end()) > 1)"


def variable(name: str, label: str, description: str, selector: str = "causal_anomaly_score") -> Json:
    """The values of a label."""
    query = {"query": f"label_values({selector}, {name})", "refId": name}
    return query_variable(name, label, description, SOURCE, query, everything=".*")


def entity_variables() -> list[Json]:
    """Which entities are shown."""
    return [
        variable("namespace", "Namespace", "Entities of these namespaces; All includes those without one."),
        variable("service", "Service", "Which of these services.", 'causal_anomaly_score{namespace=~"$namespace"}'),
    ]


def to(name: str, title: str, **chosen: str) -> list[Json]:
    """A link to another dashboard of the set, with the time and the data source."""
    values = "".join(f"var-{variable}={value}&" for variable, value in chosen.items())
    return link(title, f"/d/{uid(name)}?{values}${{datasource:queryparam}}&${{__url_time_range}}")


def to_anomaly(field: str, title: str = "Why?") -> Json:
    """The override whose clicks explain the entity of a row."""
    service, namespace = "${__data.fields.service}", "${__data.fields.namespace}"
    return override(field, links=to("anomaly", title, namespace=namespace, service=service))


def explore(title: str, source: str = "datasource", **query: str) -> list[Json]:
    """A link to a query in Explore, of the data source that a variable chooses."""
    pane = {
        "datasource": f"${{{source}}}",
        "queries": [{"refId": "A", **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    return link(title, f"/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}), safe='${}:_.')}")


def columns(*left_out: str, order: Iterable[str] = (), **renamed: str) -> Json:
    """The transformation that leaves columns out, orders some of them first, and renames others."""
    return transform(
        "organize",
        excludeByName=dict.fromkeys(("Time", "__name__", *left_out), True),
        indexByName={name: number for number, name in enumerate(order)},
        renameByName=renamed,
    )


_SHOWN_IN = {"s|seconds": ("ms", 1000), "percentunit": ("%", 100)}


def readable(expr: str, *, number: bool = True) -> str:
    """What is said of outcomes, with the unit of each as a label, in one that people read: seconds as ms, shares as %.

    What is no `number` in that unit, such as a p-value, gets the label alone, so that it comes into the same row.
    """

    def of(selector: str) -> str:
        named = f'label_replace(causal_datasource_signal_info{{{selector}}}, "outcome", "$1", "signal", "(.+)")'
        return f"({expr}) * on (outcome) group_left (unit) max by (outcome, unit) ({named})"

    found = [
        f'label_replace({factor if number else 1} * {of(f"""unit=~"{unit}" """.strip())}, "unit", "{shown}", "", "")'
        for unit, (shown, factor) in _SHOWN_IN.items()
    ]
    return " or ".join([*found, of(f"""unit!~"{"|".join(_SHOWN_IN)}" """.strip())])


_NAMED = {"reqps": "req/s", "short": "", "none": "", "bytes": "B", "Bps": "B/s", "ops": "ops/s", "cps": "counts/s"}
UNITS = [
    {"type": "value", "options": {unit: {"text": text, "index": n} for n, (unit, text) in enumerate(_NAMED.items())}}
]
"""How Grafana's ids of units are written in a column of them."""

ELSEWHERE = ("treatment_namespace", "treatment_service")


def of_treatment(expr: str) -> str:
    """An expression whose label `treatment` also says whose it is, where it is another entity's than the outcome's."""
    joined = f'label_join({expr}, "treatment", "/", "treatment_namespace", "treatment_service", "treatment")'
    return f'label_replace({joined}, "treatment", "$1", "treatment", "/*(.+)")'


def of_effect(metric: str) -> str:
    """What is said of an edge, with the signal of its effect as the label `outcome`."""
    return f'label_replace({metric}, "outcome", "$1", "effect", ".+[.]([^.]+)")'


def in_units(name: str) -> Json:
    """The transformation that makes a field of each row, named by a label and in the unit of the label `unit`."""
    handlers = {name: "field.name", "Value": "field.value", "unit": "unit"}
    mappings = [{"fieldName": field, "handlerKey": handler} for field, handler in handlers.items()]
    return transform("rowsToFields", mappings=mappings)


def unit_from(query: str) -> Json:
    """The transformation that applies the label `unit` of one query's answer to all others."""
    mapping = {"fieldName": "unit", "handlerKey": "unit", "reducerId": "lastNotNull"}
    return transform("configFromData", configRefId=query, mappings=[mapping])


def annotation(name: str, expr: str, title: str, text: str, color: str) -> Json:
    """Regions of the times at which an expression has a value."""
    return {
        "name": name,
        "datasource": SOURCE,
        "expr": expr,
        "step": "30s",
        "titleFormat": title,
        "textFormat": text,
        "iconColor": color,
    }


def incident_regions() -> Json:
    """One region an incident, whose text says what was known of it last."""
    newest = "topk by (incident) (1, max_over_time(timestamp(causal_incident_info)[$__range:15s] @ end()))"
    expr = f"group by (incident) (causal_incident_info) * on (incident) group_left (symptom, root_cause) {newest}"
    return annotation("Incidents", expr, "Incident: {{symptom}}", "Root cause: {{root_cause}}", "red")


def intervention_regions(*, whole: bool = False) -> Json:
    """What was done to the system, for its first quarter of an hour: what has no end would cover everything."""
    lately = "(time() - causal_intervention_start_timestamp_seconds) < 900"
    expr = "causal_intervention_active" + ("" if whole else f" and on (intervention) ({lately})")
    return annotation("Interventions", expr, "{{kind}} {{targets}}", "Intervention {{intervention}}", "blue")


def alerts() -> Json:
    """The alerts that fired, as regions."""
    expr = 'group by (alertname, root_cause) (ALERTS{alertname=~"CausalRootCause|ServiceAnomaly", alertstate="firing"})'
    return annotation("Alerts", expr, "{{alertname}}", "{{root_cause}}", "orange")
