"""A way through the graph as it is read."""

from collections.abc import Sequence

import networkx as nx

from datasource.graph import LaggedVariable
from datasource.graph.unmeasured import is_common_cause
from datasource.identification.active_path import drawn


def drawn_way(graph: nx.DiGraph, path: Sequence[LaggedVariable]) -> str:
    """A path as text, 'x <- u -> y'; a common cause without a name as the rule has it, 'x <-> y'."""
    text = drawn(graph, path)
    for moment in path:
        if is_common_cause(moment.variable):
            text = text.replace(f" <- {moment} -> ", " <-> ")
    return text
