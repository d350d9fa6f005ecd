"""What causes what: the causal graph, its evidence, and the same unrolled over time.

In the library it is also a function: `cd.graph("load -> latency", "cpu -> latency")`, see `written`.
"""

import sys
from types import ModuleType
from typing import Any

from datasource.graph.build import BuiltGraph, GraphError, build_graph, find_variable, rule_edges
from datasource.graph.defaults import default_effects, default_templates
from datasource.graph.evidence import Standing, against, in_force, reasons, refuted, standing
from datasource.graph.model import CausalGraph, Edge, Evidence
from datasource.graph.unmeasured import EVERYWHERE
from datasource.graph.unroll import LaggedVariable, longest_lag, unroll
from datasource.graph.written import written

__all__ = [
    "EVERYWHERE",
    "BuiltGraph",
    "CausalGraph",
    "Edge",
    "Evidence",
    "GraphError",
    "LaggedVariable",
    "Standing",
    "against",
    "build_graph",
    "default_effects",
    "default_templates",
    "find_variable",
    "in_force",
    "longest_lag",
    "reasons",
    "refuted",
    "rule_edges",
    "standing",
    "unroll",
    "written",
]


class _Door(ModuleType):
    """This module, which the library calls."""

    def __call__(self, *rules: Any, **blocks: Any) -> Any:
        return written(*rules, **blocks)


sys.modules[__name__].__class__ = _Door
