"""Who is tied to whom, and what hangs together by such ties."""

from collections.abc import Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from datasource.data import Entity
from datasource.graph import CausalGraph
from datasource.topology import Topology

Neighbours = Mapping[Entity, AbstractSet[Entity]]
K = TypeVar("K", bound=Hashable)


def neighbours(graph: CausalGraph, topology: Topology) -> Neighbours:
    """By entity, those it is tied to: by a relation, or by an edge of the causal graph between their variables."""
    found: dict[Entity, set[Entity]] = {}
    pairs = [(edge.cause.entity, edge.effect.entity) for edge in graph.edges]
    for tie in topology.ties:
        ends = [entity for _, entity in tie.ends]
        pairs += [(one, other) for number, one in enumerate(ends) for other in ends[:number]]
    for one, other in set(pairs):
        if one != other:
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return found


def connected(links: Iterable[tuple[K, K]]) -> list[list[K]]:
    """What is linked, directly or through others, in one list each; by union-find with path halving."""
    leads: dict[K, K] = {}

    def head(one: K) -> K:
        leads.setdefault(one, one)
        while leads[one] != one:
            leads[one] = leads[leads[one]]
            one = leads[one]
        return one

    for one, other in links:
        leads[head(one)] = head(other)
    found: dict[K, list[K]] = {}
    for one in leads:
        found.setdefault(head(one), []).append(one)
    return list(found.values())
