"""What data say against a graph: implied independences that fail, idle edges, and the graph beside shuffled ones."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from discovered import HOST, matrix_of
from scipy import stats

from datasource.data import Floats, Matrix, Variable
from datasource.discovery.falsification import Falsification, falsify
from datasource.graph import CausalGraph, Edge, Evidence

ROWS = 1440
WINDOW = 4
TRUE = ("load -> cpu", "load -> queue", "cpu -> latency", "queue -> latency", "latency -> failures", "disk -> latency")


def graph_of(rules: Sequence[str], unmeasured: Sequence[str] = ()) -> CausalGraph:
    """Edges between the columns of one host; an edge 'a ~> b' acts a step later."""
    edges = []
    for rule in rules:
        cause, arrow, effect = rule.split(" ")
        ends = Variable(HOST, cause), Variable(HOST, effect)
        edges.append(Edge(*ends, int(arrow == "~>"), "", (Evidence("template", rule),)))
    variables = sorted({v for edge in edges for v in (edge.cause, edge.effect)})
    return CausalGraph(tuple(variables), tuple(edges), frozenset(Variable(HOST, name) for name in unmeasured))


def telemetry(
    seed: int, rules: Sequence[str] = TRUE, *, memory: float = 0.9, window: int = WINDOW
) -> dict[str, Floats]:
    """Columns that the rules bring about: noise with memory, a day's cycle of the load, rates over windows."""
    rng = np.random.default_rng(seed)
    ways = nx.DiGraph([(rule.split(" ")[0], rule.split(" ")[2]) for rule in rules])
    rows, columns = ROWS + window, {}
    for name in nx.lexicographical_topological_sort(ways):
        noise = np.zeros(rows)
        shocks = rng.normal(size=rows)
        for at in range(1, rows):
            noise[at] = memory * noise[at - 1] + shocks[at]
        day = 10 * np.sin(2 * np.pi * np.arange(rows) / ROWS) if name == "load" else 0.0
        columns[name] = noise + day + sum(0.8 * columns[cause] for cause in ways.predecessors(name))
    flat = np.ones(window) / window
    return {name: np.convolve(values, flat, "valid")[:ROWS] for name, values in columns.items()}


def tried(columns: dict[str, Floats], rules: Sequence[str], window: int = WINDOW) -> Falsification:
    return falsify(matrix_of(columns), graph_of(rules), windows=dict.fromkeys(columns, window))


def pairs(found: Falsification) -> set[frozenset[str]]:
    return {frozenset((one.variable.signal, one.effect.signal)) for one in found.contradictions}


def test_the_true_graph_is_not_contradicted_by_series_with_memory_a_day_and_windows() -> None:
    """Of 156 implied independences at most two fail: 5% of all contradictions may be chance."""
    found = [tried(telemetry(seed), TRUE) for seed in range(12)]
    assert all(one.tested == 13 for one in found)
    assert sum(len(one.contradictions) for one in found) <= 2
    assert not any(one.idle for one in found)
    assert all(one.shuffled is not None and one.shuffled.p_value <= 0.05 for one in found)


def test_signals_that_look_over_windows_of_different_lengths_are_brought_to_one() -> None:
    """Taken as they are, a short window does not block what a long one sees."""
    windows = {"load": 8, "cpu": 1, "queue": 1, "latency": 8, "failures": 4, "disk": 1}
    naive, brought = 0, 0
    for seed in range(4):
        raw = telemetry(seed, memory=0.3, window=1)
        columns = {name: np.convolve(row, np.ones(windows[name]) / windows[name])[:ROWS] for name, row in raw.items()}
        naive += len(tried(columns, TRUE, window=1).contradictions)
        brought += len(falsify(matrix_of(columns), graph_of(TRUE), windows=windows).contradictions)
    assert naive > 8
    assert brought <= 1


@pytest.mark.parametrize("missing", ["cpu -> latency", "latency -> failures", "load -> queue"])
def test_a_missing_edge_is_a_contradiction(missing: str) -> None:
    found = tried(telemetry(1), [rule for rule in TRUE if rule != missing])
    assert frozenset(missing.split(" -> ")) in pairs(found)


def test_an_edge_that_does_nothing_is_idle_and_no_other_one() -> None:
    found = tried(telemetry(2), [*TRUE, "disk -> failures"])
    assert {(cause.signal, effect.signal) for cause, effect in found.idle} == {("disk", "failures")}
    assert "explains at most" in next(iter(found.idle.values()))
    assert abs(found.strengths[Variable(HOST, "cpu"), Variable(HOST, "latency")]) > 0.3


def test_what_happens_rarely_need_not_be_explained_well() -> None:
    """Load makes a restart likelier: far below 1% of what happens, and no chance."""
    rng = np.random.default_rng(0)
    load = np.clip(rng.normal(size=20_000), -2, 3)
    columns = {"load": load, "restarts": (rng.random(20_000) < 0.004 * np.exp(0.6 * load)).astype(float)}
    columns["disk"] = rng.normal(size=20_000)
    found = tried(columns, ("load -> restarts", "disk -> restarts"), window=1)
    assert {cause.signal for cause, _ in found.idle} == {"disk"}
    assert abs(found.strengths[Variable(HOST, "load"), Variable(HOST, "restarts")]) < 0.1


def test_a_graph_that_is_wrong_all_over_fits_no_better_than_shuffled_names() -> None:
    wrong = ("cpu -> load", "failures -> disk", "queue -> failures", "disk -> cpu", "queue -> disk", "disk -> load")
    found = tried(telemetry(3), wrong)
    assert found.shuffled is not None
    assert found.shuffled.p_value > 0.2
    assert "no better than chance" in found.verdict


def test_what_an_unmeasured_cause_moves_is_not_tested() -> None:
    columns = telemetry(4, ("hidden -> x", "hidden -> y", "load -> x"))
    del columns["hidden"]
    found = tried(columns, ("hidden -> x", "hidden -> y", "load -> x"))
    assert not found.contradictions
    assert {v.signal: why for v, why in found.left_out} == dict.fromkeys("xy", "one of its causes is not measured")


def test_a_cause_that_never_moves_hides_nothing() -> None:
    found = tried(telemetry(4) | {"restarts": np.zeros(ROWS)}, [*TRUE, "restarts -> latency"])
    assert {v.signal: why for v, why in found.left_out} == {"restarts": "never moves"}
    assert found.tested == 13


def test_without_saying_so_the_unmeasured_cause_contradicts_the_graph() -> None:
    columns = telemetry(4, ("hidden -> x", "hidden -> y", "load -> x"))
    del columns["hidden"]
    found = tried(columns, ("load -> x", "load -> y"))
    assert frozenset("xy") in pairs(found)


def test_a_feedback_loop_is_not_tested_and_what_it_moves_is() -> None:
    found = tried(telemetry(5), [*TRUE, "failures ~> load"])
    looped = {v.signal for v, why in found.left_out if "feedback" in why}
    assert looped == {"load", "cpu", "queue", "latency", "failures"}


def test_few_rows_and_nothing_that_moves_are_told_and_not_tested() -> None:
    columns = {name: values[:200] for name, values in telemetry(6).items()}
    found = tried(columns, TRUE, window=10)
    assert (found.tested, found.contradictions) == (0, ())
    assert "100 are needed" in found.verdict
    assert tried({"load": np.ones(500), "cpu": np.ones(500)}, ("load -> cpu",)).tested == 0
    assert falsify(Matrix((), 0, 60, np.empty((0, 500))), graph_of(())).tested == 0


def test_more_causes_than_the_rows_can_carry_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    columns = {f"cause{number}": rng.normal(size=300) for number in range(120)}
    columns["effect"] = rng.normal(size=300)
    found = tried(columns, [f"cause{number} -> effect" for number in range(119)], window=1)
    assert (Variable(HOST, "effect"), "it has too many causes for so few rows") in found.left_out
    assert len(found.contradictions) <= 1


def test_gaps_do_not_contradict() -> None:
    columns = telemetry(7)
    rng = np.random.default_rng(0)
    for values in columns.values():
        values[rng.random(ROWS) < 0.1] = np.nan
    assert not tried(columns, TRUE).contradictions


def test_it_judges_graphs_as_dowhy_does_on_independent_rows() -> None:
    """As many tests, the same independences that fail, and the same verdict beside shuffled graphs."""
    from dowhy.gcm.falsify import FalsifyConst, falsify_graph

    columns = telemetry(0, memory=0.0, window=1)
    order = np.random.default_rng(0).permutation(ROWS)
    columns = {name: values[order] for name, values in columns.items()}
    missing = [rule for rule in TRUE if rule not in ("cpu -> latency", "disk -> latency")]
    wrong = ("cpu -> load", "failures -> disk", "queue -> failures", "disk -> cpu", "queue -> disk", "disk -> load")
    for rules, is_better in ((TRUE, True), (missing, True), (wrong, False)):
        ours = tried(columns, rules, window=1)
        given = nx.DiGraph([tuple(rule.split(" -> ")) for rule in rules])
        given.add_nodes_from(columns)
        summary = falsify_graph(
            given,
            pd.DataFrame(columns),
            independence_test=_partial_correlation,
            conditional_independence_test=_partial_correlation,
            n_permutations=20,
            n_jobs=1,
            show_progress_bar=False,
        ).summary[FalsifyConst.VALIDATE_LMC]
        failing = summary[FalsifyConst.LOCAL_VIOLATION_INSIGHT].items()
        assert ours.tested == summary[FalsifyConst.N_TESTS]
        assert pairs(ours) == {frozenset(pair) for pair, (p_value, _) in failing if p_value < 0.001}
        assert ours.shuffled is not None
        assert (ours.shuffled.p_value <= 0.05) == (summary[FalsifyConst.P_VALUE] <= 0.05) == is_better


def _partial_correlation(x: Floats, y: Floats, z: Floats | None = None) -> float:
    """p-value of Fisher's z."""
    given = np.ones((len(x), 1)) if z is None else np.column_stack([np.ones(len(x)), z])
    both = np.column_stack([x, y])
    left = (both - given @ np.linalg.lstsq(given, both, rcond=None)[0]).T
    z_value = np.arctanh(np.corrcoef(*left)[0, 1]) * np.sqrt(len(x) - given.shape[1] - 2)
    return float(2 * stats.norm.sf(abs(z_value)))
