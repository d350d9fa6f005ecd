"""What is adjusted for, and what never is."""

import time

import networkx as nx
import pytest
from simulated import graph, variable

from datasource.graph import LaggedVariable, unroll
from datasource.identification.identify import ADJUSTMENT, NO_PATH, NOT_IDENTIFIED, identify


def found(causes, lags=0, **options):
    return identify(causes, variable("x"), variable("y"), lags, **options)


def names(moments):
    return {str(moment).removeprefix("shop.") for moment in moments}


def test_a_confounder_is_adjusted_for():
    assert names(found(graph("z -> x", "z -> y", "x -> y")).adjustment_set) == {"z"}


def test_a_mediator_is_not():
    assert found(graph("x -> m", "m -> y")).adjustment_set == ()


def test_a_collider_is_not():
    assert found(graph("x -> y", "x -> c", "y -> c")).adjustment_set == ()


def test_the_other_causes_of_the_outcome_make_the_answer_more_precise():
    identification = found(graph("x -> m", "m -> y", "c -> m", "c -> z (lag 1)", "z -> y"))
    assert identification.required == ()
    assert names(identification.adjustment_set) == {"c", "z"}


def test_the_whole_way_back_is_closed_where_a_confounder_acts_with_delay():
    identification = found(graph("z -> x (lag 1)", "z -> y (lag 2)", "x -> y (lag 0..1)"), lags=1)
    assert "z@-2" in names(identification.adjustment_set)


def test_no_directed_path_is_said():
    assert found(graph("y -> x")).identified_by == NO_PATH
    assert "shop.x to shop.y" in found(graph("y -> x")).reason


def test_feedback_through_the_treatment_is_identified():
    identification = found(graph("x -> y", "y -> x (lag 1)"), lags=2)
    assert identification.identified_by == ADJUSTMENT
    assert not names(identification.adjustment_set) & {"y", "y@-1", "y@-2"}


def test_what_lies_between_and_moves_the_treatment_again_is_named():
    identification = found(graph("x -> m", "m -> y (lag 0..1)", "m -> x (lag 1)"), lags=1)
    assert identification.adjustment_set is None
    assert identification.identified_by == NOT_IDENTIFIED
    assert "shop.m" in identification.reason


SYSTEMS = [
    graph("z -> z (lag 1)", "z -> x", "z -> y", "x -> y (lag 0..1)"),
    graph("z -> z (lag 1)", "z -> x (lag 3)", "z -> y (lag 1)", "x -> y"),
    graph("z -> z (lag 2)", "z -> x (lag 1)", "z -> y", "x -> y (lag 2)"),
    graph("z -> m (lag 1)", "m -> z (lag 1)", "z -> x", "m -> y", "x -> y"),
    graph("x -> x (lag 1)", "z -> x", "z -> y (lag 4)", "x -> y"),
    graph("x -> y", "y -> c", "c -> x (lag 1)", "z -> c", "z -> y (lag 1)"),
    graph("z -> x", "z -> c (lag 5)", "c -> c (lag 1)", "c -> y", "x -> y"),
]


@pytest.mark.parametrize("lags", [0, 1, 3])
@pytest.mark.parametrize("causes", SYSTEMS)
def test_where_the_past_is_cut_off_makes_no_difference(causes, lags):
    identification = found(causes, lags=lags)
    if identification.adjustment_set is None:
        return
    deep = nx.DiGraph(unroll(causes, causes.variables, 60))
    treatments = {LaggedVariable(variable("x"), lag) for lag in range(lags + 1)}
    outcome, adjustment = LaggedVariable(variable("y"), 0), set(identification.adjustment_set)
    after = set().union(*(nx.descendants(deep, x) for x in treatments))
    assert not adjustment & (after | treatments)
    # no effect of its own left: cut the treatments' arrows towards the outcome and they must be separated
    cut = deep.copy()
    onward = deep.copy()
    onward.remove_edges_from(list(deep.out_edges(treatments)))
    ways = nx.ancestors(onward, outcome) | {outcome}
    cut.remove_edges_from([(x, node) for x in treatments for node in deep.successors(x) if node in ways - treatments])
    assert nx.is_d_separator(cut, treatments, {outcome}, adjustment)


def test_a_window_of_several_steps_is_covered_by_the_adjustment():
    identification = found(graph("z -> x", "z -> y", "x -> y"), lags=3, window=4)
    assert {"z", "z@-3"} <= names(identification.adjustment_set)


def test_a_large_graph_takes_well_below_a_second():
    rules = []
    for service in range(10):
        rules += [f"requests{service} -> cpu{service}", f"requests{service} -> restarts{service}"]
        rules += [f"{cause}{service} -> latency{service} (lag 0..1)" for cause in ("cpu", "restarts")]
        rules += [f"requests{service} -> spare{part}of{service} (lag 0..1)" for part in range(5)]
        for server in range(service + 1, min(service + 3, 10)):
            rules += [f"latency{server} -> latency{service}", f"requests{service} -> requests{server} (lag 0..1)"]
    causes = graph(*rules)
    assert (len(causes.variables), len(causes.edges)) >= (90, 200)
    identify(causes, variable("restarts9"), variable("latency9"), 1)  # DoWhy's import is not counted
    started = time.process_time()
    identification = identify(causes, variable("restarts0"), variable("latency0"), 1)
    assert time.process_time() - started < 1
    assert {"cpu0", "latency1", "latency2"} <= names(identification.adjustment_set)
