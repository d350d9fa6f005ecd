"""What the dashboards are made of: plain dicts in the shape of Grafana's Classic dashboard JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

COLUMNS = 24
"""Grafana's grid is so many columns wide."""

SET = {
    "overview": "Overview",
    "incident": "Incident",
    "effects": "Effects",
    "graph": "Graph",
    "interventions": "Interventions",
    "anomaly": "Anomaly explained",
    "health": "Datasource health",
}
"""The dashboards, in the order of their links; health is only on Prometheus."""

SCORE = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}]}
BLANK = ("string", "number", "time")
"""Types of cells that say nothing where there is no value."""
PLAIN = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
LIST_WITH_HIGHEST = LIST | {"calcs": ["max"]}
NAMES = {"colorMode": "background", "textMode": "name", "justifyMode": "center"}
"""A stat that shows names, on the colour of their numbers."""


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
        "targets": [{"refId": "ABCDEFGHIJ"[number]} | target for number, target in enumerate(targets)],
        "fieldConfig": {"defaults": {"unit": "none"} | defaults, "overrides": list(overrides)},
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
    """Anomaly scores over time: evenly up to the line above which they count, in powers of ten beyond it."""
    look = {
        "thresholdsStyle": {"mode": "dashed"},
        "scaleDistribution": {"type": "symlog", "log": 10, "linearThreshold": 1},
        "axisSoftMax": 2,
    }
    settings: Json = {"legend": LIST_WITH_HIGHEST, "min": 0, "decimals": 2, "thresholds": SCORE, "custom": look}
    return series(title, description, targets, **settings | more)


def trend(title: str, description: str, targets: Sequence[Json], *, x: str, **more: Any) -> Json:
    """Lines over a number: the field `x`, in rising order."""
    options = {"xField": x, "legend": LIST, "tooltip": {"mode": "multi", "sort": "none"}}
    look: Json = {
        "custom": {"lineWidth": 2, "showPoints": "always", "pointSize": 6},
        "color": {"mode": "palette-classic"},
    }
    return panel("trend", title, description, targets, options=options, **look, **more)


def stat(
    title: str, description: str, targets: Sequence[Json], *, fields: str = "", look: Json | None = None, **more: Any
) -> Json:
    """Big numbers; `look` has options beside the usual ones."""
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    }
    return panel("stat", title, description, targets, options=options | (look or {}), **{"thresholds": PLAIN, **more})


def table(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    header: bool = True,
    overrides: Sequence[Json] = (),
    **more: Any,
) -> Json:
    """Rows and columns, as narrow as they have to be, whose texts go on in the next line; `noValue` is said of a table
    without rows, not in its cells."""
    options = {"cellHeight": "sm", "showHeader": header}
    blank = [override(kind, matcher="byType", noValue=" ") for kind in BLANK] if "noValue" in more else []
    texts = override("string", matcher="byType", **wrapped())
    look: Json = {"custom": {"minWidth": 80}, "options": options, "overrides": [*blank, texts, *overrides]}
    return panel("table", title, description, targets, **look, **more)


def timeline(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Colours over time, a line a series."""
    options = {"showValue": "never", "mergeValues": True, "rowHeight": 0.8, "legend": LIST | {"showLegend": False}}
    return panel("state-timeline", title, description, targets, options=options, **more)


def node_graph(title: str, description: str, targets: Sequence[Json], **more: Any) -> Json:
    """Circles and arrows."""
    return panel("nodeGraph", title, description, targets, **more)


def row(title: str) -> Json:
    """A heading; the panels below it belong to it."""
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


def highest() -> Json:
    """The override for the line that is the highest of all at each time."""
    return override("highest of all", color=fixed("#8e8e8e"), custom__lineStyle={"fill": "dash", "dash": [2, 4]})


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


def steps(below: str, above: str, value: float, unknown: str = "text") -> Json:
    """Thresholds of a number that is not negative: one colour up to a value, another from there."""
    colors = [{"color": unknown, "value": None}, {"color": below, "value": 0}, {"color": above, "value": value}]
    return {"mode": "absolute", "steps": colors}


def named_values(shown: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Text and colour of each value."""
    options = {str(value): {"text": text, "color": color, "index": value} for value, (text, color) in shown.items()}
    return [{"type": "value", "options": options}]


def colored_text(**properties: Any) -> Json:
    """Properties of a field whose cells have the colour of their value."""
    return {"custom__cellOptions": {"type": "color-text"}, **properties}


def wrapped() -> Json:
    """Properties of a field whose text goes on in the next line."""
    return {"custom__cellOptions": {"type": "auto", "wrapText": True}, "custom__wrapText": True}


def widths(**pixels: int) -> list[Json]:
    """The overrides for columns of a certain width, `_` standing for a blank; the others share what is left."""
    return [override(name.replace("_", " "), custom__width=width) for name, width in pixels.items()]


def sentences(*names: str) -> list[Json]:
    """The overrides for columns of longer texts, which would be all height on a phone."""
    return [override(name, custom__minWidth=220) for name in names]


P_VALUE = {
    "unit": "none",
    "decimals": 3,
    "mappings": [{"type": "range", "options": {"from": 0, "to": 0.0005, "result": {"text": "< 0.001", "index": 0}}}],
}
"""How a p-value is written."""


def hidden(*names: str) -> list[Json]:
    """The overrides for columns that only links read. `hidden` is what Grafana before 12.2 calls it."""
    return [override(name, custom__hideFrom={"viz": True}, custom__hidden=True) for name in names]


def transform(name: str, only: str = "", **options: Any) -> Json:
    """One of Grafana's transformations, of all frames or of those of the queries that a pattern names."""
    return {"id": name, "options": options} | ({"filter": {"id": "byRefId", "options": only}} if only else {})


def ordered(*names: str, without: Sequence[str] = ()) -> Json:
    """The transformation that leaves columns out and puts others into an order; what it does not know comes last."""
    places = {name: number for number, name in enumerate(names)}
    return transform("organize", excludeByName=dict.fromkeys(without, True), indexByName=places)


# Dashboards


def dashboard(name: str, kind: str, description: str, **parts: Any) -> Json:
    """A dashboard of the set; `kind` is "" or "json-". Its links to the others keep the time and the variables."""
    ending = " (JSON plugin)" if kind else ""
    others = [one for one in SET if one != name and not (kind and one == "health")]
    return {
        "uid": uid(name, kind),
        "title": f"Causal: {SET[name]}{ending}",
        "description": description,
        "tags": ["causal", "causal-json" if kind else "causal-prometheus"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "links": [_link_to(one, kind) for one in others],
        **parts,
    }


def uid(name: str, kind: str = "") -> str:
    """The uid of a dashboard of the set."""
    return f"causal-{kind}{name}"


def _link_to(name: str, kind: str) -> Json:
    return {
        "type": "link",
        "title": SET[name],
        "url": f"/d/{uid(name, kind)}",
        "icon": "dashboard",
        "tags": [],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
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
        "description": "Where the results of causal-datasource are asked for.",
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


def query_variable(
    name: str, label: str, description: str, datasource: Json, query: Json, *, everything: str = "", sort: int = 1
) -> Json:
    """Values that the data source offers: the first, or all to begin with, which `everything` stands for."""
    several = bool(everything)
    choice = {
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {},
        "includeAll": several,
        "allValue": everything or None,
        "multi": several,
        "sort": sort if several else 0,
    }
    return {
        "name": name,
        "label": label,
        "description": description,
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


def choice_variable(name: str, label: str, description: str, values: Sequence[str]) -> Json:
    """One of several values that are known beforehand, the first to begin with."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "custom",
        "query": ",".join(values),
        "current": {"selected": True, "text": values[0], "value": values[0]},
        "options": [{"text": one, "value": one, "selected": one == values[0]} for one in values],
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "skipUrlSync": False,
    }


def filters_variable(datasource: Json) -> Json:
    """Filters by any label, for installations whose entities have other ones."""
    return {
        "name": "filters",
        "label": "Filters",
        "description": "Only what has these labels; for entities that are told apart by other labels.",
        "type": "adhoc",
        "datasource": datasource,
        "filters": [],
        "hide": 0,
    }
