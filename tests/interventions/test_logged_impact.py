"""What an intervention changed: the truth lies in the interval, and what cannot be told is said."""

from dataclasses import replace

import numpy as np
import pytest
from known_truth import CHECKOUT, GRAPH, LOAD, PAGE, SEARCH, SIGNALS, START, STEP, USER, N, throttle, world

from datasource.data import Matrix
from datasource.effects.result import Estimate
from datasource.effects.structural import fit_structural
from datasource.interventions import Intervention
from datasource.interventions.impact import (
    DIFFERENCES,
    REGRESSION,
    SWITCHBACK,
    Impact,
    Question,
    measure,
    variable_named,
)
from datasource.interventions.verdicts import predicted, verdicts, with_verdicts

SIZE = 0.05


def covers(one: Estimate, truth: float) -> bool:
    return one.lower <= truth <= one.upper


def found(one: Intervention, matrix: Matrix, outcome: object = CHECKOUT, **asked: object) -> Impact:
    return measure(Question(one, outcome, **asked), matrix, SIGNALS, GRAPH)  # type: ignore[arg-type]


def test_an_intervention_in_the_middle_is_held_against_before_and_after_on_what_it_cannot_move() -> None:
    one = throttle()
    impact = found(one, world([(one, SIZE)]))
    assert covers(impact.average, 4 * SIZE)
    assert impact.average.upper - impact.average.lower < 0.06
    assert impact.design == REGRESSION
    assert set(impact.controls) == set(), "load is the target's own, and the others are moved by user in the graph"
    assert impact.points == 119, "a value over a minute shows it whole from a minute on"
    assert impact.cumulative.value == pytest.approx(119 * impact.average.value)
    assert impact.placebo_dates == 40
    assert impact.placebo_found <= 4


def test_a_target_that_is_a_variable_leaves_the_others_of_its_entity_as_controls() -> None:
    one = throttle(target="user.latency")
    impact = found(one, world([(one, SIZE)]))
    assert impact.controls == (str(LOAD),)
    assert covers(impact.average, 4 * SIZE)


@pytest.mark.parametrize("points", [4, 20, 360])
def test_short_and_long_ones_are_told_without_an_effect_where_there_is_none(points: int) -> None:
    one = throttle(points=points)
    nothing = found(one, world())
    assert covers(nothing.average, 0.0)
    assert covers(found(one, world([(one, SIZE)])).average, 4 * SIZE)


def test_one_that_goes_on_is_measured_up_to_the_newest_point() -> None:
    one = throttle(first=N - 60, points=None)
    impact = found(one, world([(one, SIZE)]))
    assert covers(impact.average, 4 * SIZE)
    assert impact.on[-1]


def test_another_one_at_the_same_time_is_told_apart_by_the_time_it_had_alone() -> None:
    one, other = throttle(), throttle(first=1860, points=200, number=2)
    matrix = world([(one, SIZE), (other, 0.1)])
    assert covers(found(one, matrix, others=[other]).average, 4 * SIZE)
    assert not covers(found(one, matrix).average, 4 * SIZE)


def test_points_with_another_one_that_was_never_alone_are_left_out_or_it_is_refused() -> None:
    one, within = throttle(), throttle(first=1860, points=30, number=2)
    impact = found(one, world([(one, SIZE), (within, 0.1)]), others=[within])
    assert covers(impact.average, 4 * SIZE)
    assert "as well are left out" in " ".join(impact.notices)
    same = throttle(number=3)
    refused = found(one, world([(one, SIZE)]), others=[same])
    assert np.isnan(refused.average.value)
    assert "cannot be told apart" in refused.notices[0]


def test_one_on_something_that_does_not_lead_to_the_outcome_is_no_matter() -> None:
    one, other = throttle(), throttle(number=2, target="page")
    assert covers(found(one, world([(one, SIZE)]), others=[other]).average, 4 * SIZE)


def test_a_comparison_group_takes_off_what_is_shared() -> None:
    one = throttle(target="checkout")
    impact = found(one, world(), compared=["search"])
    assert impact.design == DIFFERENCES
    assert impact.checks[0].name == "pre-trends"
    assert covers(impact.average, 0.0)


def test_a_switchback_compares_its_blocks() -> None:
    rng = np.random.default_rng(3)
    first, each = START + STEP * 1200, 20 * STEP
    on = tuple((first + each * place, first + each * (place + 1)) for place in sorted(rng.permutation(12)[:6].tolist()))
    one = replace(throttle(), start=first, end=first + 12 * each, randomised=True, on=on)
    impact = found(one, world([(one, SIZE)]))
    assert impact.design == SWITCHBACK
    assert covers(impact.average, 4 * SIZE)
    few = replace(one, on=on[:2])
    assert "fewer than 3 blocks" in " ".join(found(few, world([(few, SIZE)])).notices)


@pytest.mark.parametrize(
    ("one", "asked", "told"),
    [
        (throttle(first=-100, points=20), {}, "outside the baseline"),
        (throttle(first=N + 10), {}, "outside the baseline"),
        (throttle(points=1), {}, "no point lies wholly within it"),
        (throttle(first=N - 2, points=None), {}, "first whole point comes"),
        (throttle(), {"compared": ["nobody"]}, "control 'nobody' has no latency"),
        (throttle(), {"compared": ["page"]}, "may be moved by the intervention"),
        (throttle(first=5, points=None), {}, "points without it are too few"),
    ],
)
def test_what_cannot_be_told_is_said(one: Intervention, asked: dict[str, object], told: str) -> None:
    impact = found(one, world([(one, SIZE)]), **asked)
    assert np.isnan(impact.average.value)
    assert told in impact.notices[0]


def test_a_target_that_nobody_measures_leaves_no_series_as_control() -> None:
    one = throttle(target="sidecar")
    impact = found(one, world())
    assert impact.controls == ()
    assert "sidecar is not measured" in impact.notices[0]


def test_variables_are_found_by_their_name_or_told() -> None:
    matrix = world()
    assert variable_named("checkout.latency", matrix) == CHECKOUT
    with pytest.raises(Exception, match="'nowhere' is not measured; name one"):
        variable_named("nowhere", matrix)


def test_the_graphs_prediction_stands_beside_the_measurement() -> None:
    one = throttle()
    matrix = world([(one, SIZE)])
    model = fit_structural(matrix, GRAPH, SIGNALS)
    impact = predicted(one, found(one, matrix), matrix, SIGNALS, model)
    assert impact.predicted is not None
    assert impact.predicted.value == pytest.approx(4 * SIZE, rel=0.15)
    assert predicted(one, found(one, matrix), matrix, SIGNALS, None).predicted is None


def test_a_true_edge_is_confirmed_and_a_spurious_one_refuted() -> None:
    before = fit_structural(world(), GRAPH, SIGNALS)
    association = before.equations[SEARCH].coefficients[0]
    assert association > 0.5, "load moves both: a line through their points has a slope"
    one = throttle()
    matrix = world([(one, SIZE)])
    said = {(v.cause, v.effect): v for v in verdicts(one, matrix, SIGNALS, before)}
    assert said[USER, CHECKOUT].kind == "confirmed"
    assert said[USER, CHECKOUT].measured.value == pytest.approx(4 * SIZE, rel=0.1)
    assert said[USER, SEARCH].kind == "refuted"
    assert said[LOAD, CHECKOUT].kind == "undecided"
    assert "was not seen to move" in said[LOAD, CHECKOUT].why
    graph = with_verdicts(GRAPH, tuple(said.values()))
    kinds = {(e.cause, e.effect): [x.kind for x in e.evidence] for e in graph.edges}
    assert kinds[USER, CHECKOUT] == ["confirmed"]
    assert kinds[USER, SEARCH] == ["refuted"]
    assert kinds[LOAD, USER] == []
    again = with_verdicts(graph, tuple(said.values()))
    assert again == graph, "the same is said once"
    assert graph.version == GRAPH.version


def test_without_an_intervention_that_moved_the_target_no_edge_is_judged() -> None:
    matrix = world()
    said = verdicts(throttle(), matrix, SIGNALS, fit_structural(matrix, GRAPH, SIGNALS))
    assert {v.kind for v in said} == {"undecided"}


def test_an_effect_that_may_come_by_way_of_another_confirms_no_edge() -> None:
    from datasource.graph import CausalGraph, Edge

    graph = CausalGraph(GRAPH.variables, (*GRAPH.edges, Edge(USER, PAGE, 0, "calls")))
    one = throttle()
    matrix = world([(one, SIZE)])
    said = {(v.cause, v.effect): v for v in verdicts(one, matrix, SIGNALS, fit_structural(world(), graph, SIGNALS))}
    assert said[USER, PAGE].kind == "undecided"
    assert "by way of checkout.latency" in said[USER, PAGE].why
