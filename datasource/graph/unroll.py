"""The causal graph unrolled over time, on which effects are identified."""

from collections.abc import Iterable
from typing import NamedTuple

import networkx as nx

from datasource.data import Variable
from datasource.graph.model import CausalGraph


class LaggedVariable(NamedTuple):
    """A variable, `lag` steps before the time in question."""

    variable: Variable
    lag: int

    def __str__(self) -> str:
        return f"{self.variable}@-{self.lag}" if self.lag else str(self.variable)


def unroll(graph: CausalGraph, variables: Iterable[Variable], depth: int) -> nx.DiGraph:
    """The time-unrolled graph of `variables` over the steps 0 ... `depth` back; its nodes are Moments."""
    kept = set(variables)
    unrolled = nx.DiGraph()
    unrolled.add_nodes_from(LaggedVariable(variable, lag) for variable in sorted(kept) for lag in range(depth + 1))
    for variable in sorted(kept):
        for edge in graph.parents(variable):
            if edge.cause in kept:
                unrolled.add_edges_from(
                    (LaggedVariable(edge.cause, lag + edge.lag), LaggedVariable(variable, lag))
                    for lag in range(depth + 1 - edge.lag)
                )
    return unrolled


def longest_lag(
    graph: CausalGraph, cause: Variable, effect: Variable, limit: int, *, coming_back: bool = True
) -> int | None:
    """The largest sum of lags along any directed path from cause to effect, at most `limit`; None without a path.

    Unless it may be `coming_back`, a path passes the cause only once.
    """
    # Best lag sum known per variable; a cycle with a lag grows until the limit stops it.
    best = {cause: 0}
    waiting = [cause]
    leading = graph.ancestors((effect,))
    while waiting:
        variable = waiting.pop()
        for edge in graph.children(variable):
            child, total = edge.effect, min(best[variable] + edge.lag, limit)
            if child in leading and total > best.get(child, -1) and (coming_back or child != cause):
                best[child] = total
                waiting.append(child)
    return best.get(effect)
