"""Whom something acts on in the end."""

import networkx as nx
import numpy as np
import pytest

from datasource.discovery.reach import Reach


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_networkx_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, edges = 30, [(int(a), int(b)) for a, b in rng.integers(0, 30, (int(rng.integers(10, 60)), 2))]
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    reach = Reach(count, edges)
    for one in range(count):
        others = rng.choice(count, 8, replace=False).tolist()
        ahead = set(graph.adj[one]).union(*(nx.descendants(graph, near) for near in graph.adj[one]))
        assert reach.reached(one, others) == ahead.intersection(others)
        assert reach.looped(one) == (one in ahead)


def test_a_look_ahead_goes_no_farther_than_those_who_are_asked_for() -> None:
    chain = Reach(10_000, [(n, n + 1) for n in range(9_999)])
    looked_at: list[int] = []

    class Ahead(dict[int, list[int]]):
        def __getitem__(self, one: int) -> list[int]:
            looked_at.append(one)
            return [one + 1]

    chain._ahead = Ahead()
    assert chain.reached(0, [5, 7]) == {5, 7}
    assert len(looked_at) < 10
