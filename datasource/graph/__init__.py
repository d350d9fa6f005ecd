"""What causes what: the causal graph, its evidence, and the same unrolled over time."""

from datasource.graph.build import BuiltGraph, GraphError, build_graph, find_variable
from datasource.graph.defaults import default_effects, default_templates
from datasource.graph.model import CausalGraph, Edge, Evidence
from datasource.graph.unroll import Moment, longest_lag, unroll

__all__ = [
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
    "unroll",
]
