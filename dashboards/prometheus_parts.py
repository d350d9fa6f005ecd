"""What the dashboard on Prometheus is made of: its source, the entities chosen, targets and columns."""

import json
from collections.abc import Iterable
from urllib.parse import quote

from parts import (
    Json,
    link,
    override,
    query_variable,
    transform,
)

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
ENTITY = 'namespace=~"$namespace", service=~"$service"'
VARIABLE = f'{ENTITY}, signal=~"$signal"'


def over_time(expr: str, legend: str = "__auto") -> Json:
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


def number_now(expr: str, legend: str = "__auto") -> Json:
    """A target whose newest answer is a number."""
    return rows_now(expr) | {"format": "time_series", "legendFormat": legend}


def variable(name: str, label: str, selector: str = "causal_anomaly_score") -> Json:
    """The values of a label."""
    query = {"query": f"label_values({selector}, {name})", "refId": name}
    return query_variable(name, label, SOURCE, query, everything=".*")


def only(name: str) -> Json:
    """The override that lets a click on a label's value choose it."""
    url = f"/d/causal-prometheus?var-{name}=${{__value.raw}}&${{signal:queryparam}}&${{datasource:queryparam}}"
    return override(name, links=link("Only ${__value.text}", f"{url}&${{__url_time_range}}"))


def explore(title: str, expr: str) -> list[Json]:
    """A link to a query in Explore."""
    query = {"refId": "A", "expr": expr}
    pane = {"datasource": "${datasource}", "queries": [query], "range": {"from": "${__from}", "to": "${__to}"}}
    return link(title, f"/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}), safe='${}:_.')}")


def columns(*left_out: str, **renamed: str) -> Json:
    """The transformation that leaves columns out and renames others."""
    return transform("organize", excludeByName=dict.fromkeys(("Time", *left_out), True), renameByName=renamed)
