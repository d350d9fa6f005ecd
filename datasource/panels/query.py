"""The question of one panel target, as every door hands it on."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

T = TypeVar("T")

ALL = "All"


class QueryError(Exception):
    """A panel's question cannot be answered as it is asked; the text says what to change."""


class Filter(NamedTuple):
    """An ad hoc filter on the labels of results."""

    key: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a result with these labels passes. Raises QueryError for an unknown operator."""
        have = labels.get(self.key, "")
        if self.operator not in _OPERATORS:
            raise QueryError(f"filter operator '{self.operator}' is unknown; use one of {', '.join(_OPERATORS)}")
        try:
            return _OPERATORS[self.operator](have, self.value)
        except re.error as error:
            raise QueryError(f"filter '{self.key}': '{self.value}' is no regular expression ({error})") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda have, value: have == value,
    "!=": lambda have, value: have != value,
    "=~": lambda have, value: re.fullmatch(value, have) is not None,
    "!~": lambda have, value: re.fullmatch(value, have) is None,
    "<": lambda have, value: _number(have) < _number(value) or (have < value and _number(have) != _number(have)),
    ">": lambda have, value: _number(have) > _number(value) or (have > value and _number(have) != _number(have)),
    "=|": lambda have, value: have in value.split(","),
    "!=|": lambda have, value: have not in value.split(","),
}


@dataclass(frozen=True)
class Query:
    """One target: which panel, its parameters, the time range (seconds) and at most how many points."""

    panel: str
    start: float
    end: float
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_points: int = 1000
    filters: tuple[Filter, ...] = ()
    ref_id: str = ""

    def one(self, name: str, default: str = "") -> str:
        """A parameter that takes one value."""
        values = self.parameters.get(name, ())
        return values[0] if values else default

    def takes_all(self, name: str) -> bool:
        """Whether a parameter leaves the choice open."""
        values = [value for value in self.parameters.get(name, ()) if value]
        return not values or any(value in (ALL, "$__all", ".*") for value in values)

    def wanted(self, name: str, candidates: Iterable[T], show: Callable[[T], str] = str) -> list[T]:
        """The candidates that a parameter picks: all without a value; by name, or by a pattern of names.

        Raises QueryError when a value picks none.
        """
        candidates = list(candidates)
        values = [value for value in self.parameters.get(name, ()) if value]
        if self.takes_all(name):
            return candidates
        picked = [c for c in candidates if any(_picks(value, show(c)) for value in values)]
        if candidates and not picked:
            known = ", ".join(sorted(dict.fromkeys(map(show, candidates)))[:20])
            raise QueryError(f"{name} '{', '.join(values)}' matches nothing; known are: {known}")
        return picked

    def passes(self, labels: Mapping[str, str]) -> bool:
        """Whether a result with these labels passes all filters."""
        return all(one.matches(labels) for one in self.filters)


def _picks(value: str, name: str) -> bool:
    if value in (name, name.rpartition("/")[2]):
        return True
    try:
        return re.fullmatch(value, name) is not None
    except re.error:
        return False
