"""What conservation along calls says of a coefficient before any data is looked at."""

from math import inf

import numpy as np

from datasource.data import Matrix
from datasource.data.roles import Roles
from datasource.graph import Edge

_CONSERVED = ("load", "latency", "work", "failure")
_RETRIES = 1.5
"""Calls may be made again, and rates are means: so many times the calls per request are allowed."""


def limits(edge: Edge, matrix: Matrix, roles: Roles) -> tuple[float, float]:
    """The smallest and largest coefficient of an edge, per request where the roles say so.

    Between two entities, load, latency, work and failures of the same role are passed on, never taken away. Of a
    callee's seconds and failures per request a caller has at most its calls per request, where those are known.
    """
    role = roles.role(edge.effect)
    if not edge.relation or role not in _CONSERVED or roles.role(edge.cause) != role:
        return -inf, inf
    load = roles.requests(matrix, edge.effect)
    rate = next((one.strength for one in edge.evidence if one.kind == "topology" and one.strength), None)
    if load is None or rate is None or not np.isfinite(load).any():
        return 0.0, inf
    return 0.0, _RETRIES * rate / float(np.nanmedian(load))
