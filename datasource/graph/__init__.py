"""What causes what: the causal graph, its evidence, and the same unrolled over time."""

from datasource.graph.build import BuiltGraph, GraphError, build_graph, find_variable, rule_edges
from datasource.graph.defaults import default_effects, default_templates
from datasource.graph.model import CausalGraph, Edge, Evidence
from datasource.graph.unmeasured import EVERYWHERE
from datasource.graph.unroll import Moment, longest_lag, unroll

__all__ = [
    "EVERYWHERE",
    "BuiltGraph",
    "CausalGraph",
    "Edge",
    "Evidence",
    "GraphError",
    "Moment",
    "build_graph",
    "default_effects",
    "default_templates",
    "find_variable",
    "longest_lag",
    "rule_edges",
    "unroll",
]
