"""What the dashboards are made of: plain dicts in the shape of Grafana's Classic dashboard JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

COLUMNS = 24
"""Grafana's grid is so many columns wide."""

SCORE = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}]}
PLAIN = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
TABLE = {
    "displayMode": "table",
    "placement": "right",
    "showLegend": True,
    "calcs": ["lastNotNull", "max"],
    "sortBy": "Max",
    "sortDesc": True,
}


# Panels


def panel(
    kind: str,
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    width: int = 12,
    height: int = 9,
    options: Json | None = None,
    overrides: Sequence[Json] = (),
    transformations: Sequence[Json] = (),
    **defaults: Any,
) -> Json:
    """A panel; `defaults` are those of its fields. `lay_out` finds its place."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": targets[0]["datasource"],
        "gridPos": {"w": width, "h": height},
        "targets": [{"refId": "ABCDEFGH"[number]} | target for number, target in enumerate(targets)],
        "fieldConfig": {"defaults": {"unit": "short"} | defaults, "overrides": list(overrides)},
        "options": options or {},
        "transformations": list(transformations),
    }


def series(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    legend: Json = LIST,
    custom: Json | None = None,
    **more: Any,
) -> Json:
    """Lines over time."""
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    look: Json = {
        "custom": {"lineWidth": 1, "showPoints": "never", **(custom or {})},
        "color": {"mode": "palette-classic"},
    }
    return panel("timeseries", title, description, targets, options=options, **look, **more)


def scores(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Anomaly scores over time, with the line above which they count."""
    dashed = {"thresholdsStyle": {"mode": "dashed"}}
    return series(title, description, targets, legend=TABLE, min=0, thresholds=SCORE, custom=dashed, **more)


def trend(title: str, description: str, targets: Sequence[Json], *, x: str, **more: Any) -> Json:
    """Lines over a number: the field `x`, in rising order."""
    options = {"xField": x, "legend": LIST, "tooltip": {"mode": "multi", "sort": "none"}}
    look: Json = {
        "custom": {"lineWidth": 2, "showPoints": "always", "pointSize": 6},
        "color": {"mode": "palette-classic"},
    }
    return panel("trend", title, description, targets, options=options, **look, **more)


def stat(title: str, description: str, targets: Sequence[Json], *, fields: str = "", **more: Any) -> Json:
    """Big numbers."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    }
    return panel("stat", title, description, targets, options=options, **{"thresholds": PLAIN, **more})


def table(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Rows and columns."""
    return panel("table", title, description, targets, options={"cellHeight": "sm", "showHeader": True}, **more)


def timeline(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Colours over time, a line a series."""
    options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": LIST | {"showLegend": False}}
    return panel("state-timeline", title, description, targets, options=options, **more)


def node_graph(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Circles and arrows."""
    return panel("nodeGraph", title, description, targets, **more)


def row(title: str) -> Json:
    """A heading."""
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": COLUMNS, "h": 1}, "panels": []}


def lay_out(panels: Sequence[Json]) -> list[Json]:
    """The panels with ids and places: side by side while they fit, then below the tallest."""
    x = y = tallest = 0
    placed = []
    for number, one in enumerate(panels, 1):
        size = one["gridPos"]
        if x + size["w"] > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append({"id": number, **one, "gridPos": {"x": x, "y": y, **size}})
        x, tallest = x + size["w"], max(tallest, size["h"])
    return placed


# What panels are configured with


def override(field: str, *, matcher: str = "byName", **properties: Any) -> Json:
    """Another configuration for the fields of a name; `custom__x` stands for custom.x."""
    found = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": matcher, "options": field}, "properties": found}


def line(name: str, color: str, *, dashed: bool = False) -> Json:
    """The override for a line of a name."""
    style: Json = {"custom__lineStyle": {"fill": "dash", "dash": [6, 4]}} if dashed else {"custom__lineWidth": 2}
    return override(name, color=fixed(color), **style)


def band(lower: str, upper: str, color: str = "blue") -> list[Json]:
    """The overrides that fill the space between two lines."""
    hidden = {"legend": True, "tooltip": False, "viz": False}
    edge: Json = {"color": fixed(color), "custom__lineWidth": 0, "custom__hideFrom": hidden}
    return [
        override(lower, **edge),
        override(upper, **edge, custom__fillBelowTo=lower, custom__fillOpacity=15),
    ]


def fixed(color: str) -> Json:
    """One colour, whatever the value."""
    return {"mode": "fixed", "fixedColor": color}


def link(title: str, url: str) -> list[Json]:
    """Where a click leads."""
    return [{"title": title, "url": url, "targetBlank": False}]


def named_values(shown: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Text and colour of each value."""
    options = {str(value): {"text": text, "color": color, "index": value} for value, (text, color) in shown.items()}
    return [{"type": "value", "options": options}]


def transform(name: str, **options: Any) -> Json:
    """One of Grafana's transformations."""
    return {"id": name, "options": options}


# Dashboards


def dashboard(uid: str, title: str, description: str, **parts: Any) -> Json:
    """A dashboard, with links to the others that keep the time and the variables."""
    others = {
        "type": "dashboards",
        "title": "Causal",
        "tags": ["causal"],
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["causal"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [others],
        **parts,
    }


def annotations(*queries: Json) -> Json:
    """Grafana's own annotations, and further ones."""
    own = {
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }
    return {"list": [own, *({"enable": True, "hide": False, "iconColor": "red"} | query for query in queries)]}


def datasource_variable(plugin: str) -> Json:
    """Chooses among the data sources of a plugin."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": plugin,
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def query_variable(name: str, label: str, datasource: Json, query: Json, *, everything: str = "") -> Json:
    """Values that the data source offers: the first, or all to begin with, which `everything` stands for."""
    several = bool(everything)
    choice = {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {},
        "includeAll": several,
        "allValue": everything or None,
        "multi": several,
        "sort": 1 if several else 0,
    }
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource,
        "definition": query["query"],
        "query": query,
        **choice,
        "hide": 0,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
    }


def filters_variable(datasource: Json) -> Json:
    """Filters by any label, for installations whose entities have other ones."""
    return {"name": "filters", "label": "Filters", "type": "adhoc", "datasource": datasource, "filters": [], "hide": 0}
