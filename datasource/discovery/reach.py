"""Whom something acts on in the end, along the edges of a large graph."""

from collections.abc import Collection, Iterable

import networkx as nx


class Reach:
    """Of numbers from 0 to `count` with directed `edges`, who leads to whom.

    Nothing is kept for every pair: a look ahead goes no farther than those lie who are asked for. How far that is says
    the longest way there, on which every edge leads on but those of a loop.
    """

    def __init__(self, count: int, edges: Iterable[tuple[int, int]]) -> None:
        graph = nx.DiGraph()
        graph.add_nodes_from(range(count))
        graph.add_edges_from(edges)
        loops = nx.condensation(graph)
        far: dict[int, int] = {}
        for loop in nx.topological_sort(loops):
            far[loop] = 1 + max((far[before] for before in loops.predecessors(loop)), default=-1)
        self._far = {one: far[loop] for loop, members in loops.nodes(data="members") for one in members}
        self._ahead = graph.adj
        self._looped = {one for _, members in loops.nodes(data="members") if len(members) > 1 for one in members}
        self._looped |= {one for one in range(count) if one in graph.adj[one]}

    def looped(self, one: int) -> bool:
        """Whether it acts on itself in the end."""
        return one in self._looped

    def reached(self, one: int, others: Collection[int]) -> set[int]:
        """Those of the others on which it acts in the end."""
        farthest = max((self._far[other] for other in others), default=-1)
        found: set[int] = set()
        waiting = [one]
        while waiting:
            ahead = [next_one for next_one in self._ahead[waiting.pop()] if self._far[next_one] <= farthest]
            waiting += [next_one for next_one in ahead if next_one not in found]
            found.update(ahead)
        return found.intersection(others)
