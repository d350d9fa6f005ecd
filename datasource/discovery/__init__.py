"""Which variables cause which: methods of causal discovery behind one interface, with what is known as their prior."""

from datasource.discovery.methods import METHODS, absent_methods, find_method
from datasource.discovery.prior import Prior, prior_of_graph, prior_of_names
from datasource.discovery.proposal import Proposal, ProposedEdge, RefusedEdge

__all__ = [
    "METHODS",
    "Prior",
    "Proposal",
    "ProposedEdge",
    "RefusedEdge",
    "absent_methods",
    "find_method",
    "prior_of_graph",
    "prior_of_names",
]
