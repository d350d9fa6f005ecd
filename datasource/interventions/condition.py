"""Conditions of a pipeline on an impact, as impact(checkout.latency) > 50ms, judged by the interval."""

import re
from math import inf, isfinite
from typing import Literal, NamedTuple

from datasource.effects.result import Estimate
from datasource.interventions.statement import InterventionError

_FORM = "write it as impact(shop/web.latency) > 50ms, or > 10%"
_CONDITION = re.compile(r"\s*impact\(\s*([^()]+?)\s*\)\s*([<>])=?\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(\S*)\s*")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 30 * 86400.0

Outcome = Literal["true", "false", "undecided"]


class Condition(NamedTuple):
    """That the impact on a variable is above (`>`) or below (`<`) a limit, which is in a unit, "%" of what would have
    been, or "" for that of the signal."""

    outcome: str
    above: bool
    limit: float
    unit: str
    text: str


class Judged(NamedTuple):
    """Whether a condition is true: undecided where the interval holds the limit, with the seconds that measuring would
    have to take longer; infinite where no time would do."""

    outcome: Outcome
    longer: float = 0.0


def parse_condition(text: str) -> Condition:
    """Raises InterventionError that says how to write it.

    >>> parse_condition("impact(checkout.latency) > 50ms")[:4]
    ('checkout.latency', True, 50.0, 'ms')
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise InterventionError(f"'{text[:200]}' is no condition; {_FORM}")
    return Condition(found[1], found[2] == ">", float(found[3]), found[4], text.strip())


def limit_in(condition: Condition, unit: str, expected: float) -> float:
    """The limit in the unit of the signal; `expected` is what would have been. Raises InterventionError."""
    if condition.unit == "%":
        if unit in ("percent", "percentunit"):
            return condition.limit / (100.0 if unit == "percentunit" else 1.0)
        return condition.limit / 100.0 * abs(expected)
    if condition.unit in ("", unit):
        return condition.limit
    if condition.unit in _SECONDS and unit in _SECONDS:
        return condition.limit * _SECONDS[condition.unit] / _SECONDS[unit]
    raise InterventionError(
        f"{condition.outcome} is in '{unit}', '{condition.text}' in '{condition.unit}'; leave the unit out, or use %"
    )


def judge(condition: Condition, limit: float, impact: Estimate, measured: float) -> Judged:
    """By the 95% interval of an impact that was measured over so many seconds, and a limit in its unit.

    A mean is known twice as well after four times as long, which is where `longer` comes from.
    """
    if not (isfinite(impact.lower) and isfinite(impact.upper)):
        return Judged("undecided", inf)
    if impact.lower > limit:
        return Judged("true" if condition.above else "false")
    if impact.upper < limit:
        return Judged("false" if condition.above else "true")
    away = abs(impact.value - limit)
    half = (impact.upper - impact.lower) / 2
    longer = measured * ((half / away) ** 2 - 1) if away > 0 else inf
    return Judged("undecided", max(longer, 0.0) if longer < _LONGEST else inf)
