"""Which experiment next: what is doubtful and cheap to tell comes first, and what is promised of it holds."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from known_truth import CHECKOUT, GRAPH, LOAD, PAGE, SEARCH, SIGNALS, START, STEP, USER, throttle, variable, world

from datasource.data import Matrix
from datasource.effects.structural import fit_structural
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.interventions.information import CHANCE, entropy, expected_information, probability
from datasource.interventions.next_experiment import next_for_cause, next_for_edges
from datasource.interventions.trial import Known, Suspect
from datasource.interventions.verdicts import verdicts
from datasource.settings.experiments import Experiment


def judged(graph: CausalGraph, **kinds: str) -> CausalGraph:
    """The graph, whose edges are known by experts, or by other evidence where it is given by the effect's service."""

    def evidence(edge: Edge) -> tuple[Evidence, ...]:
        return tuple(Evidence(kind, "test") for kind in kinds.get(edge.effect.entity.name, "expert").split())  # type: ignore[arg-type]

    return replace(graph, edges=tuple(edge._replace(evidence=evidence(edge)) for edge in graph.edges))


@cache
def matrix() -> Matrix:
    return world()


def known(graph: CausalGraph = GRAPH, noise: float = 0.0, **plans: Experiment) -> Known:
    seen = matrix()
    if noise:
        rng = np.random.default_rng(2)
        seen = replace(seen, values=seen.values + noise * rng.normal(size=seen.values.shape))
    usual = dict.fromkeys(seen.variables, (0.1, 0.1))
    return Known(seen, SIGNALS, fit_structural(seen, graph, SIGNALS), usual, plans)


def test_what_is_known_already_tells_nothing_and_what_is_open_most() -> None:
    assert expected_information(1.0, 1.0) == expected_information(0.0, 1.0) == 0.0
    assert expected_information(0.5, CHANCE) == 0.0
    told = [expected_information(sure, 0.9) for sure in (0.99, 0.9, 0.7, 0.5)]
    assert told == sorted(told)
    assert expected_information(0.5, 0.5) < expected_information(0.5, 0.9) < entropy(0.5)


def test_evidence_of_several_kinds_adds_up_and_an_intervention_decides() -> None:
    def sure(*kinds: str) -> float:
        return probability(Evidence(kind, "test") for kind in kinds)  # type: ignore[arg-type]

    assert sure() == 0.5
    assert sure("expert", "expert") == sure("expert") < sure("expert", "topology") < sure("confirmed", "expert")
    assert sure("expert", "refuted") < 0.2
    assert 0.4 < sure("expert", "doubtful") < 0.6


def test_the_doubtful_edge_is_asked_about_first() -> None:
    graph = judged(GRAPH, page="expert doubtful")
    (first, *_) = next_for_edges(known(graph), graph.edges)
    assert (first.variable, first.told[0].edge) == (CHECKOUT, (CHECKOUT, PAGE))
    graph = judged(GRAPH, search="expert doubtful", page="confirmed", checkout="confirmed", user="confirmed")
    (first, *_) = next_for_edges(known(graph), graph.edges)
    assert first.variable == USER
    assert max(first.told, key=lambda one: entropy(one.sure)).edge == (USER, SEARCH)


def test_an_edge_to_which_another_way_leads_is_not_told_about() -> None:
    trials = next_for_edges(known(), GRAPH.edges)
    told = {one.edge for trial in trials for one in trial.told}
    assert (LOAD, CHECKOUT) not in told, "load moves checkout by way of user, too"
    assert {(LOAD, USER), (USER, CHECKOUT), (CHECKOUT, PAGE)} <= told


def test_what_is_asked_about_alone_counts() -> None:
    trials = next_for_edges(known(), GRAPH.edges, ["page"])
    assert [trial.variable for trial in trials] == [CHECKOUT]


def test_an_edge_that_was_confirmed_is_not_asked_about_again() -> None:
    graph = judged(
        GRAPH, page="expert confirmed", checkout="confirmed", search="refuted", user="confirmed expert topology"
    )
    assert all(trial.information < 0.2 for trial in next_for_edges(known(graph), graph.edges))


def test_where_means_differ_more_by_chance_it_has_to_be_larger_or_longer() -> None:
    calm, noisy = (
        next(one for one in next_for_edges(known(noise=noise), GRAPH.edges) if one.variable == CHECKOUT)
        for noise in (0.0, 0.05)
    )
    assert noisy.worth < calm.worth
    assert (noisy.seconds, noisy.change) > (calm.seconds, calm.change) or noisy.information < calm.information


def test_the_promised_power_holds_when_it_is_done() -> None:
    trial = next(one for one in next_for_edges(known(), GRAPH.edges) if one.variable == USER)
    (promised,) = (one.power for one in trial.told if one.edge == (USER, CHECKOUT))
    assert promised > 0.5
    seen, runs = 0, 24
    for seed in range(100, 100 + runs):
        one = throttle(points=int(trial.seconds // STEP), target="user.latency")
        after = world([(one, trial.change)], seed=seed)
        model = fit_structural(after.between(START, one.start), GRAPH, SIGNALS)
        seen += any(v.kind == "confirmed" and v.effect == CHECKOUT for v in verdicts(one, after, SIGNALS, model))
    assert seen / runs >= promised - 2 * np.sqrt(0.25 / runs), f"{seen} of {runs}, {promised:.0%} promised"


def test_it_says_whom_it_would_touch_and_who_suffers_costs_more() -> None:
    trial = next(one for one in next_for_edges(known(), GRAPH.edges) if one.variable == USER)
    assert {CHECKOUT, PAGE} <= {one.variable for one in trial.touched}
    checkout = next(one for one in trial.touched if one.variable == CHECKOUT)
    assert checkout.change.value == pytest.approx(4 * trial.change, rel=0.1)
    assert checkout.score == pytest.approx(checkout.change.value / 0.1)
    assert trial.cost > trial.seconds / 60
    easily = known()
    easily = easily._replace(usual=dict.fromkeys(easily.usual, (0.001, 0.001)))
    assert next(one for one in next_for_edges(easily, GRAPH.edges) if one.variable == USER).cost > trial.cost


def test_nothing_is_moved_further_than_it_was_seen() -> None:
    for trial in next_for_edges(known(), GRAPH.edges):
        assert trial.variable is not None
        row = matrix().row(trial.variable)
        assert row.min() <= known().model.levels[trial.variable].now + trial.change <= row.max()


def test_an_allowed_experiment_with_the_same_target_is_named() -> None:
    plan = Experiment.model_validate(
        {"targets": ["user"], "start": ["on"], "rollback": ["off"], "outcome": "checkout.latency"}
    )
    trials = next_for_edges(known(throttle_user=plan), GRAPH.edges)
    assert {trial.plan for trial in trials if trial.variable in (USER, LOAD)} == {"throttle_user"}
    assert {trial.plan for trial in trials if trial.variable == CHECKOUT} == {""}


def test_what_nobody_measures_is_to_be_measured() -> None:
    hidden = variable("disk")
    edges = (*GRAPH.edges, *(Edge(hidden, one, 0, evidence=(Evidence("expert", "test"),)) for one in (USER, SEARCH)))
    graph = CausalGraph((*GRAPH.variables, hidden), edges, frozenset({hidden}))
    (found,) = (one for one in next_for_edges(known(graph), graph.edges) if one.kind == "measurement")
    assert found.measure == str(hidden)
    assert {one.edge for one in found.told} == {(hidden, USER), (hidden, SEARCH)}
    assert found.touched == ()


def test_of_two_suspects_the_one_that_is_less_sure_tells_more() -> None:
    suspects = [Suspect("user", 0.5, USER, -0.05, 0.2), Suspect("checkout", 0.1, CHECKOUT, -0.2, 0.2)]
    first, second = next_for_cause(known(), PAGE, suspects)
    assert (first.variable, second.variable) == (USER, CHECKOUT)
    assert first.information > second.information
    assert first.told[0].power > 0.9
    assert first.cost == pytest.approx(first.seconds / 60), "bringing it back makes nobody suffer"


def test_between_two_who_call_each_other_the_call_is_measured() -> None:
    suspects = [Suspect("user", 0.5, USER, -1e-6, 1e-6), Suspect("checkout", 0.5, CHECKOUT, -1e-6, 1e-6)]
    (found,) = next_for_cause(known(), PAGE, suspects, [("checkout", "user", "the calls")])
    assert (found.kind, found.measure, found.information) == ("measurement", "the calls", 1.0)


def test_who_is_suspected_and_not_measured_is_to_be_measured() -> None:
    found = next_for_cause(known(), PAGE, [Suspect("a server that nobody measures", 0.6), Suspect("nobody", 0.0)])
    assert [one.measure for one in found] == ["a server that nobody measures"]


def test_a_short_baseline_and_quick_points_have_short_experiments() -> None:
    seen = matrix()
    quick = replace(seen, step=1).between(seen.start, seen.start + 1199)
    signals = {name: signal.model_copy(update={"window": 2.0}) for name, signal in SIGNALS.items()}
    short = Known(quick, signals, fit_structural(quick, GRAPH, signals), {}, {})
    trials = next_for_edges(short, GRAPH.edges)
    assert {USER, CHECKOUT} <= {one.variable for one in trials}
    assert min(one.seconds for one in trials) == 20
