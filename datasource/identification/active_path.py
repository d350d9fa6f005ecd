"""A way along which two sets of variables are dependent, so that it can be shown and not only said."""

from collections import deque
from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

import networkx as nx

Node = TypeVar("Node", bound=Hashable)


def active_path(
    graph: nx.DiGraph, sources: Collection[Node], targets: Collection[Node], given: Collection[Node]
) -> list[Node] | None:
    """The shortest active path from one of `sources` to one of `targets` given `given`; None if d-separated.

    The reachability of Shachter's Bayes-ball (1998), with the steps remembered. It goes down an edge to a collider
    only where the collider or something that follows from it is given.
    """
    given = set(given)
    leads_to_given = set(given).union(*(nx.ancestors(graph, node) for node in given))
    # A state is a node and whether it was entered along an arrow (from a parent) or against one.
    came: dict[tuple[Node, bool], tuple[Node, bool] | None] = {(node, False): None for node in _sorted(sources)}
    waiting = deque(came)
    starts = set(sources)
    while waiting:
        state = waiting.popleft()
        node, from_parent = state
        if node in targets:
            path: list[Node] = []
            step: tuple[Node, bool] | None = state
            while step is not None:
                path.append(step[0])
                step = came[step]
            return path[::-1]
        onward: list[tuple[Node, bool]] = []
        if node in starts or node not in given:
            onward += [(child, True) for child in _sorted(graph.successors(node))]
        upward = node in leads_to_given if from_parent else node in starts or node not in given
        if upward:
            onward += [(parent, False) for parent in _sorted(graph.predecessors(node))]
        for following in onward:
            if following not in came and following[0] not in starts:
                came[following] = state
                waiting.append(following)
    return None


def drawn(graph: nx.DiGraph, path: Sequence[Node]) -> str:
    """A path as it is read: 'x <- u -> y'."""
    text = str(path[0])
    for one, other in pairwise(path):
        text += f" {'->' if graph.has_edge(one, other) else '<-'} {other}"
    return text


def colliders(graph: nx.DiGraph, path: Sequence[Node]) -> list[Node]:
    """The nodes of a path on which two of its arrows meet."""
    inner = zip(path, path[1:], path[2:], strict=False)
    return [node for left, node, right in inner if graph.has_edge(left, node) and graph.has_edge(right, node)]


def fork(graph: nx.DiGraph, path: Sequence[Node]) -> Node | None:
    """The first node of a path from which it goes down to both sides; an end only where there is nothing between."""
    for left, node, right in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(node, left) and graph.has_edge(node, right):
            return node
    return path[1] if len(path) > 2 else None


def _sorted(nodes: Collection[Node]) -> list[Node]:
    return sorted(nodes)  # type: ignore[type-var]
