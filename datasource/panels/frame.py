"""What a panel answers with: frames of fields, as Grafana's toDataFrame accepts them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

FieldType = Literal["time", "number", "string", "boolean"]
Values = Sequence[Any] | np.ndarray[Any, Any]


@dataclass(frozen=True)
class Field:
    """A column. Times are epoch milliseconds; NaN stands for no value."""

    name: str
    type: FieldType
    values: Values
    labels: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """A table of equally long fields, with notices for the panel's corner, and what makes all of it doubtful."""

    name: str
    fields: tuple[Field, ...] = ()
    notices: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    doubt: str = ""

    def __post_init__(self) -> None:
        if len({len(one.values) for one in self.fields}) > 1:
            raise ValueError(f"fields of frame '{self.name}' differ in length")


def time_field(seconds: Values) -> Field:
    """The time column of a frame, from seconds since 1970."""
    return Field("time", "time", np.asarray(seconds, dtype=np.int64) * 1000, config={"displayName": "Time"})


NOTICE = "notice"


def notice_frame(text: str) -> Frame:
    """An answer that has no numbers yet but says why: never a blank panel."""
    empty = Field("value", "number", [], config={"noValue": text})
    return Frame(NOTICE, (time_field([]), empty), notices=(text,))


def as_row(notice: Frame) -> Frame:
    """The same for a panel of rows: Grafana says "No data" of a table without any, whatever its notices are."""
    return replace(notice, fields=(Field(NOTICE, "string", list(notice.notices)),))


def with_doubt(frame: Frame, doubt: str) -> Frame:
    """The frame with what makes it doubtful; where it has no numbers, not even that all is well is known any more."""
    if frame.name == NOTICE or not any(len(one.values) for one in frame.fields):
        told = notice_frame(doubt)
        frame = as_row(told) if frame.fields and frame.fields[0].name == NOTICE else told
        frame = replace(frame, notices=())
    return replace(frame, doubt=doubt)


_UNITS = {"cores": "short", "seconds": "s", "": "short"}


def unit(name: str) -> str:
    """Grafana's id of a unit from the settings."""
    return _UNITS.get(name, name)


@dataclass(frozen=True)
class Style:
    """What the lines of one result share: labels, config, and a prefix of their shown names."""

    labels: Mapping[str, str]
    config: Mapping[str, Any]
    prefix: str = ""


def line(name: str, shown: str, values: Values, style: Style, *, dashed: bool = False) -> Field:
    """A line of a time series panel."""
    custom = {"lineStyle": {"fill": "dash", "dash": [6, 4]}} if dashed else {"lineWidth": 2}
    config = {**style.config, "displayNameFromDS": style.prefix + shown, "custom": custom}
    return Field(name, "number", values, style.labels, config)


def band(lower_name: str, upper_name: str, lower: Values, upper: Values, style: Style) -> tuple[Field, Field]:
    """The two edges of a band; Grafana fills the space from the upper one down to the lower one."""
    edge = {"lineWidth": 0, "showPoints": "never", "hideFrom": {"legend": True, "tooltip": False, "viz": False}}
    low, high = f"{style.prefix}lower", f"{style.prefix}upper"
    fill = {**edge, "fillBelowTo": low, "fillOpacity": 15}
    return (
        Field(lower_name, "number", lower, style.labels, {**style.config, "displayNameFromDS": low, "custom": edge}),
        Field(upper_name, "number", upper, style.labels, {**style.config, "displayNameFromDS": high, "custom": fill}),
    )
