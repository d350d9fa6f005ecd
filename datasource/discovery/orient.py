"""Directions that follow from a skeleton: colliders, what is known, and Meek's rules (1995)."""

from itertools import combinations

import numpy as np

from datasource.data import Floats
from datasource.discovery.climb import ways
from datasource.discovery.skeleton import Bools, Skeleton


def oriented(found: Skeleton, allowed: Bools, required: Bools) -> Bools:
    """The graph (cause x effect): both entries of a pair are true where its direction cannot be told.

    Colliders as causal-learn orients them (`uc_rule=0, uc_priority=2`): in the order of the variables, never against
    one that is there. An edge that is not `allowed` one way goes the other way; `required` ones stay.
    """
    graph = found.adjacent.copy()
    graph &= ~(found.adjacent & ~allowed & allowed.T)
    graph &= ~(required.T & ~required)
    for one, middle, other in _unshielded(found.adjacent):
        if middle in found.separating.get((one, other), frozenset()):
            continue
        if graph[one, middle] and graph[other, middle]:
            graph[middle, one] = graph[middle, other] = False
    return meek(graph)


def _unshielded(adjacent: Bools) -> list[tuple[int, int, int]]:
    return [
        (int(one), middle, int(other))
        for middle in range(len(adjacent))
        for one, other in combinations(np.flatnonzero(adjacent[middle]), 2)
        if not adjacent[one, other]
    ]


def meek(graph: Bools) -> Bools:
    """The same graph with every direction that follows without a new collider or a cycle."""
    graph = graph.copy()
    while True:
        arrow, line = graph & ~graph.T, graph & graph.T
        near = graph | graph.T
        apart = ~near & ~np.eye(len(graph), dtype=np.bool_)
        # a -> b - c with a, c apart; a -> b -> c with a - c; a - b -> d, a - c -> d with a - d and b, c apart
        first = line & _any(arrow.T, apart)
        second = line & _any(arrow, arrow)
        third = line & _kites(line, arrow, apart)
        forced = first | second | third
        forced &= ~forced.T | np.triu(forced)
        forced &= ~ways(arrow).T  # as causal-learn: what would close a cycle waits
        if not forced.any():
            return graph
        graph &= ~forced.T


def _any(left: Bools, right: Bools) -> Bools:
    return (left.astype(np.float32) @ right.astype(np.float32)) > 0


def _kites(line: Bools, arrow: Bools, apart: Bools) -> Bools:
    found = np.zeros_like(line)
    for a, d in np.argwhere(line):
        between = np.flatnonzero(line[a] & arrow[:, d])
        if len(between) > 1 and apart[np.ix_(between, between)].any():
            found[a, d] = True
    return found


def from_acyclic(graph: Bools) -> Bools:
    """The class of graphs that data cannot tell from an acyclic one: its skeleton, its colliders, Meek's rules."""
    adjacent = graph | graph.T
    found = adjacent.copy()
    for one, middle, other in _unshielded(adjacent):
        if graph[one, middle] and graph[other, middle]:
            found[middle, one] = found[middle, other] = False
    return meek(found)


def by_prior(graph: Bools, direction: Floats, least: float) -> Bools:
    """The same graph, where what data cannot tell goes the way for which the prior has log-odds of `least` or more."""
    undirected = graph & graph.T
    return graph & ~(undirected & (direction <= -least))
