"""The causal graph unrolled over time, on which effects are identified."""

from collections.abc import Iterable
from typing import NamedTuple

import networkx as nx

from datasource.graph.model import CausalGraph
from datasource.telemetry import Variable


class Moment(NamedTuple):
    """A variable, `lag` steps before the time in question."""

    variable: Variable
    lag: int

    def __str__(self) -> str:
        return f"{self.variable}@-{self.lag}" if self.lag else str(self.variable)


def unroll(graph: CausalGraph, variables: Iterable[Variable], depth: int) -> nx.DiGraph:
    """The time-unrolled graph of `variables` over the steps 0 ... `depth` back; its nodes are Moments."""
    kept = set(variables)
    unrolled = nx.DiGraph()
    unrolled.add_nodes_from(Moment(variable, lag) for variable in sorted(kept) for lag in range(depth + 1))
    for edge in graph.edges:
        if edge.cause in kept and edge.effect in kept:
            unrolled.add_edges_from(
                (Moment(edge.cause, lag + edge.lag), Moment(edge.effect, lag)) for lag in range(depth + 1 - edge.lag)
            )
    return unrolled


def longest_lag(graph: CausalGraph, cause: Variable, effect: Variable, limit: int) -> int | None:
    """The largest sum of lags along any directed path from cause to effect, at most `limit`; None without a path."""
    # Best lag sum known per variable; a cycle with a lag grows until the limit stops it.
    best = {cause: 0}
    waiting = [cause]
    children: dict[Variable, list[tuple[Variable, int]]] = {}
    for edge in graph.edges:
        children.setdefault(edge.cause, []).append((edge.effect, edge.lag))
    while waiting:
        variable = waiting.pop()
        for child, lag in children.get(variable, []):
            total = min(best[variable] + lag, limit)
            if total > best.get(child, -1):
                best[child] = total
                waiting.append(child)
    return best.get(effect)
