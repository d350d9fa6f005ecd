"""PC-stable: the skeleton and the directions of causal-learn, with the same test (directions where none conflict)."""

import numpy as np
import pytest
from causallearn.search.ConstraintBased.PC import pc

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.discovery import Prior, find_method
from datasource.discovery.orient import from_acyclic, oriented
from datasource.discovery.skeleton import skeleton

TAIL = -1


def linear(count: int, rows: int, seed: int) -> Floats:
    """Rows of a random linear model, its variables in a random order."""
    rng = np.random.default_rng(seed)
    weights = np.triu(rng.random((count, count)) < 3 / (count - 1), 1) * rng.uniform(0.5, 1.5, (count, count))
    data = np.zeros((rows, count))
    for place in range(count):
        data[:, place] = data @ weights[:, place] + rng.normal(size=rows)
    return data[:, rng.permutation(count)]


@pytest.mark.parametrize(("count", "seed"), [(6, 0), (10, 1), (15, 5), (25, 3)])
def test_skeleton_and_directions_are_those_of_causal_learn(count: int, seed: int) -> None:
    data = linear(count, 800, seed)
    theirs = pc(data, 0.05, "fisherz", show_progress=False).G.graph
    found = skeleton(np.corrcoef(data.T), len(data), 0.05)
    everything = ~np.eye(count, dtype=bool)
    ours = oriented(found, everything, np.zeros_like(everything))
    np.testing.assert_array_equal(found.adjacent, theirs != 0)
    np.testing.assert_array_equal(ours, theirs == TAIL)


def test_what_is_required_stays_and_what_is_impossible_goes() -> None:
    data = linear(8, 500, 4)
    correlations = np.corrcoef(data.T)
    strongest = divmod(int(np.abs(np.triu(correlations, 1)).argmax()), 8)
    weakest = divmod(int(np.where(np.triu(np.ones((8, 8)), 1) > 0, np.abs(correlations), 2).argmin()), 8)
    possible, required = ~np.eye(8, dtype=bool), np.zeros((8, 8), dtype=bool)
    possible[strongest] = possible[strongest[::-1]] = False
    required[weakest] = True
    found = skeleton(correlations, 500, 0.05, possible, required)
    graph = oriented(found, possible | required, required)
    assert not found.adjacent[strongest]
    assert graph[weakest]
    assert not graph[weakest[::-1]]


def test_a_chain_has_no_direction_and_a_collider_has() -> None:
    chain, collider = np.zeros((2, 3, 3), dtype=bool)
    chain[0, 1] = chain[1, 2] = True
    collider[0, 1] = collider[2, 1] = True
    np.testing.assert_array_equal(from_acyclic(chain), chain | chain.T)
    np.testing.assert_array_equal(from_acyclic(collider), collider)


def test_autocorrelated_rows_count_as_fewer() -> None:
    """Two independent series that wander are no edge."""
    rng = np.random.default_rng(5)
    edges = 0
    for _ in range(20):
        noise = rng.normal(size=(2, 600))
        values = np.zeros((2, 600))
        for time in range(1, 600):
            values[:, time] = 0.95 * values[:, time - 1] + noise[:, time]
        variables = tuple(Variable(Entity("service", (("service", "x"),)), name) for name in "ab")
        edges += len(find_method("pc")(Matrix(variables, 0, 60, values), Prior(variables)).edges)
    assert edges <= 4
