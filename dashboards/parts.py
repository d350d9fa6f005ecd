"""What the dashboards are made of: plain dicts in the shape of Grafana's Classic dashboard JSON."""

from collections.abc import Sequence
from typing import Any

from fields import Json, override, wrapped

COLUMNS = 24
"""Grafana's grid is so many columns wide."""

SCORE = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}]}
BLANK = ("string", "number", "time")
"""Types of cells that say nothing where there is no value."""
PLAIN = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
LIST = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
LIST_WITH_HIGHEST = LIST | {"calcs": ["max"]}
NAMES = {"colorMode": "background", "textMode": "name", "justifyMode": "center"}
"""A stat that shows names, on the colour of their numbers."""


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
