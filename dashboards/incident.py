"""Incident: one of them, with its causes, its victims and what users feel."""

from board import annotations, dashboard, datasource_variable, query_variable
from fields import Json, band, line, named_values, override, steps, transform, wrapped
from parts import NAMES, lay_out, row, scores, series, stat, table, timeline
from promql import (
    INCIDENT,
    NAME,
    OF_VERDICTS,
    SOURCE,
    VERDICTS,
    advice,
    advice_columns,
    alerts,
    columns,
    explore,
    in_units,
    incident_regions,
    intervention_regions,
    newest,
    number_now,
    once,
    or_else,
    over_time,
    rows_now,
    to,
    to_anomaly,
    told,
    unit_from,
    verdicts,
)

INFO = f"topk(1, max_over_time(timestamp(causal_incident_info{{{INCIDENT}}})[$__range:15s] @ end()))"
"""What was known of the incident last: its symptom and its surest root cause may change while it goes on."""

NONE = "No incident in this time range"
GAUGE: Json = {"unit": "percentunit", "min": 0, "max": 1, "custom__cellOptions": {"type": "gauge", "mode": "basic"}}


def of_symptom(metric: str) -> str:
    """A metric of the incident's symptoms, as it was last."""
    return f"{once(metric)} and on (symptom) {INFO}"


def ever(broke: str) -> str:
    """Verdicts that were given within the time range."""
    return f'(max_over_time(causal_service_anomaly{{is_root_cause=~"{broke}"}}[$__range] @ end()) == 1)'


def on_prometheus() -> Json:
    """Needs no plugin."""
    query = {"query": "label_values(causal_incident_info, incident)", "refId": "incident"}
    description = "Incidents of the time range above, the newest first."
    chosen = query_variable("incident", "Incident", description, SOURCE, query) | {"sort": 2}
    return dashboard(
        "incident",
        "",
        "One incident: who broke and how sure that is, what it does to users, who else suffers, what to do.",
        annotations=annotations(incident_regions(), alerts(), intervention_regions()),
        templating={"list": [datasource_variable(SOURCE["type"]), chosen, *elsewhere()]},
        panels=lay_out([*facts(), *parts_of_the_gap(), seen_before(), *seen()]),
    )


def elsewhere() -> list[Json]:
    """Where logs and traces are: the first Loki and the first Tempo, unless the address says var-logs or var-traces."""
    return [
        datasource_variable(plugin) | {"name": name, "label": name.title(), "description": description, "hide": 2}
        for plugin, name, description in (
            ("loki", "logs", "For the links to an entity's logs."),
            ("tempo", "traces", "For the links to an entity's traces."),
        )
    ]


def look_further() -> list[Json]:
    """From an entity to its raw series, logs and traces at that time."""
    service = "${__data.fields.service}"
    return [
        *explore("Raw series of ${__value.text}", expr=f'causal_observed_value{{service="{service}"}}'),
        *explore("Logs of ${__value.text}", "logs", expr=f'{{service_name="{service}"}}'),
        *explore(
            "Traces of ${__value.text}",
            "traces",
            queryType="traceql",
            query=f'{{resource.service.name="{service}"}}',
        ),
    ]


def facts() -> list[Json]:
    """Who, what to do, what users feel, since when, how sure: in this order on a phone."""
    gap = once("causal_symptom_gap", INCIDENT)
    began = once("causal_incident_start_timestamp_seconds", INCIDENT)
    broke = told(f"max by (root_cause) ({INFO})", "root_cause", "not known")
    sure = f"max({once('causal_root_cause_confidence')} and on (root_cause) {INFO})"
    red = steps("red", "red", 1)
    shown: Json = {"height": 4, "noValue": NONE}
    return [
        stat(
            "Who broke",
            "The surest root cause.",
            [number_now(or_else(broke, "root_cause", NONE), "{{root_cause}}")],
            width=5,
            thresholds=red,
            look=NAMES,
            **shown,
        ),
        table(
            "What to do",
            "The newest advice; remedies in causal.yaml say what can be done about whom.",
            [rows_now(advice(newest("causal_suggested_action_info", INCIDENT)))],
            width=8,
            **advice_columns(),
            **shown,
        ),
        stat(
            "What users feel",
            "How far the symptom is from usual, in its own unit, or was when the incident ended.",
            [rows_now(f"{gap} and on (symptom) {INFO}")],
            width=4,
            thresholds=red,
            transformations=[in_units("symptom")],
            look={"textMode": "value_and_name", "justifyMode": "center"},
            **shown,
        ),
        stat(
            "Since",
            "When its first anomaly began.",
            [number_now(f"1000 * {began}", "since")],
            width=4,
            unit="dateTimeAsLocal",
            **shown,
        ),
        stat(
            "Sure",
            "How likely it is the root cause.",
            [number_now(sure, "sure")],
            width=3,
            unit="percentunit",
            decimals=0,
            **shown,
        ),
    ]


def parts_of_the_gap() -> list[Json]:
    """What adds up to what users feel, and who else suffers."""
    whole = [
        of_symptom("causal_root_cause_contribution"),
        f'label_replace({of_symptom("causal_unexplained_contribution")}, "signal", "unexplained", "", "")',
        f'label_replace(({of_symptom("causal_outside_contribution")}) != 0, "signal", "not measured", "", "")',
    ]
    parts = " or ".join(whole)
    share = f"({parts}) / on (symptom) group_left max by (symptom) ({once('causal_symptom_gap', INCIDENT)})"
    victims = f"{ever('false')} and on (root_cause) {INFO}"
    return [
        table(
            "Where the gap comes from",
            "What of the gap that users feel comes from whose changed behaviour, as a share and in the symptom's unit; "
            "what nothing explains stands there as well.",
            [rows_now(parts), rows_now(share), rows_now(once("causal_symptom_gap", INCIDENT)) | {"refId": "Unit"}],
            width=14,
            height=7,
            noValue=NONE,
            transformations=[
                unit_from("Unit"),
                transform("merge"),
                columns(
                    "incident",
                    "job",
                    "instance",
                    "symptom",
                    order=("Value #B", "namespace", "service", "signal", "Value #A"),
                    **{"Value #A": "contribution", "Value #B": "share"},
                ),
                transform("sortBy", sort=[{"field": "share", "desc": True}]),
            ],
            overrides=[
                override("share", **GAUGE, custom__width=150),
                override("contribution", custom__width=115),
                override("service", links=look_further()),
            ],
        ),
        table(
            "Who suffers by it",
            "Entities whose anomaly has the same root cause. Mend the cause, not these.",
            [rows_now(victims)],
            width=10,
            height=7,
            noValue="Nobody else suffers by it",
            transformations=[
                columns(
                    "is_root_cause",
                    "measured",
                    "Value",
                    "job",
                    "instance",
                    order=("service", "namespace", "root_cause"),
                    root_cause="root cause",
                )
            ],
            overrides=[to_anomaly("service", "Why ${__value.text}?")],
        ),
    ]


def seen_before() -> Json:
    """Earlier ones like it, and what ended the newest of them."""
    return table(
        "Seen before",
        "How many earlier incidents were like this one, at most three, and what was done just before the newest of "
        "them was over; the page and /api/v1/incidents name each.",
        [rows_now(told(once("causal_incident_seen_before", INCIDENT), "ended_by", "not known"))],
        width=24,
        height=4,
        noValue="Nothing like it is known",
        transformations=[
            columns(
                "incident", "job", "instance", order=("Value", "ended_by"), Value="earlier ones", ended_by="ended after"
            )
        ],
        overrides=[override("earlier ones", custom__width=120), override("ended after", **wrapped())],
    )


def seen() -> list[Json]:
    """The incident over time."""
    symptom = f"({of_symptom('causal_unexplained_contribution')})"
    felt = "ignoring (symptom, job, instance)"
    names = ("observed", "expected", "lower", "upper")
    metrics = ("causal_observed_value", "causal_expected_value", "causal_expected_lower", "causal_expected_upper")
    own = f"causal_anomaly_score and ignoring (signal, {OF_VERDICTS}) ({ever('true')} and on (root_cause) {INFO})"
    any_one = f"max without ({OF_VERDICTS}) ({ever('true|false')} and on (root_cause) {INFO})"
    drawn = f"max without ({OF_VERDICTS}) ({verdicts()} or 0 * causal_service_anomaly)"
    return [
        row("Over time: incidents in red, alerts in orange"),
        series(
            "What users feel: observed and expected from its causes",
            "The symptom, beside what the mechanism predicts from the actual values of its causes. A victim follows "
            "its causes: what users feel is high, and so is what is expected.",
            [over_time(f"{metric} and {felt} {symptom}", name) for metric, name in zip(metrics, names, strict=True)]
            + [rows_now(once("causal_symptom_gap", INCIDENT))],
            height=8,
            noValue=NONE,
            transformations=[unit_from("E")],
            overrides=[line("observed", "text"), line("expected", "blue", dashed=True), *band("lower", "upper")],
        ),
        scores(
            "Scores of who broke",
            "The causal scores of every signal of the root cause; above 1 (dashed) it does what its causes do not "
            "explain.",
            [over_time(own, "{{service}}{{workload}}{{pod}}{{instance}} {{signal}}")],
            height=8,
            noValue="Nobody is named as the root cause",
            links=to("anomaly", "How does this score come about?", service="${__field.labels.service}"),
        ),
        timeline(
            "Who was anomalous when",
            "The root cause and those that suffer by it.",
            [over_time(f"{drawn} and ({any_one})", NAME)],
            width=24,
            height=7,
            mappings=named_values({0: ("fine", "green"), **VERDICTS}),
            noValue=NONE,
        ),
    ]
