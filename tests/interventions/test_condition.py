"""Conditions of a pipeline: read, brought to the signal's unit, and judged by the interval."""

from math import inf, nan

import pytest

from datasource.effects.result import Estimate
from datasource.interventions import InterventionError
from datasource.interventions.condition import judge, limit_in, parse_condition


@pytest.mark.parametrize(
    ("text", "unit", "expected", "limit"),
    [
        ("impact(a.latency) > 50ms", "s", 1.0, 0.05),
        ("impact(a.latency)>=50 ms", "ms", 1.0, 50.0),
        ("impact(a.latency) > 0.1", "s", 1.0, 0.1),
        ("impact(a.latency) > 10%", "s", 2.0, 0.2),
        ("impact(a.cpu) > 10%", "percentunit", 0.5, 0.1),
        ("impact(a.cpu) > 10%", "percent", 50.0, 10.0),
        ("impact(shop/a b.requests) < -5", "reqps", 1.0, -5.0),
    ],
)
def test_a_limit_is_brought_to_the_unit_of_the_signal(text: str, unit: str, expected: float, limit: float) -> None:
    assert limit_in(parse_condition(text), unit, expected) == pytest.approx(limit)


@pytest.mark.parametrize("text", ["a.latency > 50ms", "impact() > 5", "impact(a.b) == 5", "impact(a.b) > much", ""])
def test_what_is_no_condition_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(InterventionError, match=r"write it as impact\(shop/web.latency\) > 50ms"):
        parse_condition(text)


def test_units_that_cannot_meet_are_refused() -> None:
    with pytest.raises(InterventionError, match="leave the unit out"):
        limit_in(parse_condition("impact(a.requests) > 50ms"), "reqps", 1.0)


def test_only_a_whole_interval_beyond_the_limit_decides() -> None:
    above, below = parse_condition("impact(a.b) > 5"), parse_condition("impact(a.b) < 5")
    for impact, outcomes in (
        (Estimate(7, 6, 8), ("true", "false")),
        (Estimate(3, 2, 4), ("false", "true")),
        (Estimate(7, 4, 10), ("undecided", "undecided")),
        (Estimate(7, nan, nan), ("undecided", "undecided")),
    ):
        assert tuple(judge(one, 5, impact, 600).outcome for one in (above, below)) == outcomes


def test_how_much_longer_it_would_take_goes_with_the_square_of_what_is_missing() -> None:
    above = parse_condition("impact(a.b) > 5")
    assert judge(above, 5, Estimate(7, 3, 11), 600).longer == pytest.approx(600 * 3)
    assert judge(above, 5, Estimate(5, 1, 9), 600).longer == inf
    assert judge(above, 5, Estimate(5.0001, 1, 9), 600).longer == inf
