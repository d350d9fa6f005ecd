"""What the fields of panels are configured with: widths, units, colours, links, transformations."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]


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
