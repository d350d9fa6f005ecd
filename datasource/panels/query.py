"""The question of one panel target, as every door hands it on."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from datasource.attribution.explanation import Explanation
from datasource.settings.pattern import PatternError, matcher

T = TypeVar("T")

ALL = "All"


_MOST_PATTERNS = 1000


class QueryError(Exception):
    """A panel's question cannot be answered as it is asked; the text says what to change."""


def shortened(text: str) -> str:
    """What somebody sent, as much of it as belongs in a message."""
    return text if len(text) <= 200 else f"{text[:197]}..."


@dataclass(frozen=True)
class Filter:
    """An ad hoc filter on the labels of results. Patterns are RE2's, as in Prometheus."""

    key: str
    operator: str
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a result with these labels passes. Raises QueryError for what is no filter."""
        return self._passes(labels.get(self.key, ""))

    @cached_property
    def _passes(self) -> Callable[[str], bool]:
        if self.operator not in _OPERATORS:
            known = ", ".join(_OPERATORS)
            raise QueryError(f"filter operator '{shortened(self.operator)}' is unknown; use one of {known}")
        try:
            return _OPERATORS[self.operator](self.value)
        except PatternError as error:
            raise QueryError(f"filter '{shortened(self.key)}': {error}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _less(one: str, other: str) -> bool:
    """By number where both are some, else as texts."""
    return _number(one) < _number(other) or (one < other and _number(one) != _number(one))


def _not(passes: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda have: not passes(have)


def _listed(value: str) -> Callable[[str], bool]:
    return frozenset(value.split(",")).__contains__


_OPERATORS: Mapping[str, Callable[[str], Callable[[str], bool]]] = {
    "=": lambda value: lambda have: have == value,
    "!=": lambda value: lambda have: have != value,
    "=~": matcher,
    "!~": lambda value: _not(matcher(value)),
    "<": lambda value: lambda have: _less(have, value),
    ">": lambda value: lambda have: _number(have) > _number(value) or (have > value and _number(have) != _number(have)),
    "=|": _listed,
    "!=|": lambda value: _not(_listed(value)),
}


@dataclass(frozen=True)
class Query:
    """One target: which panel, its parameters, the time range (seconds) and at most how many points.

    `explained` is what Prometheus was asked for this target, `unexplained` why there is no such answer.
    """

    panel: str
    start: float
    end: float
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    max_points: int = 1000
    filters: tuple[Filter, ...] = ()
    ref_id: str = ""
    explained: Explanation | None = field(default=None, repr=False)
    unexplained: str = ""

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
        values = frozenset(value for value in self.parameters.get(name, ()) if value)
        if self.takes_all(name):
            return candidates
        said = shortened(", ".join(sorted(values)))
        named = [c for c in candidates if values & {show(c), show(c).rpartition("/")[2]}]
        patterns = values - {show(c) for c in named} - {show(c).rpartition("/")[2] for c in named}
        if len(patterns) > _MOST_PATTERNS:
            raise QueryError(f"{name} has {len(patterns)} values that are no names; ask for {_MOST_PATTERNS} at most")
        try:
            matches = matcher(*sorted(patterns))
        except PatternError as error:
            if not named:
                raise QueryError(f"{name} '{said}' matches nothing: {error}") from None
            return named
        picked = [c for c in candidates if values & {show(c), show(c).rpartition("/")[2]} or matches(show(c))]
        if candidates and not picked:
            known = ", ".join(sorted(dict.fromkeys(map(show, candidates)))[:20])
            raise QueryError(f"{name} '{said}' matches nothing; known are: {known}")
        return picked

    def passes(self, labels: Mapping[str, str]) -> bool:
        """Whether a result with these labels passes all filters."""
        return all(one.matches(labels) for one in self.filters)
