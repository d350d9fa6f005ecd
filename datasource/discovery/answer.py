"""A graph over the variables of a series as a proposal, with what is known beside it."""

import numpy as np

from datasource.data import Floats
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal, ProposedEdge, in_order
from datasource.discovery.series import Series, correlations
from datasource.discovery.skeleton import Bools
from datasource.graph.model import Evidence


def answer(
    method: str, series: Series, prior: Prior, graph: Bools, strength: Floats, lag: Floats | None = None
) -> Proposal:
    """The proposal of a method; `graph` is cause x effect, or lag x cause x effect.

    Where both directions of a pair are true at lag 0, the direction cannot be told and the pair stands there once.
    Known edges that the method did not find stay, and are doubtful.
    """
    by_lag = graph[None] if graph.ndim == 2 else graph
    values = strength[None] if strength.ndim == 2 else strength
    variables = series.variables
    known = {(edge.cause, edge.effect, edge.lag): edge for edge in prior.known}
    edges: list[ProposedEdge] = []
    for at, i, j in np.argwhere(by_lag):
        both = at == 0 and by_lag[0, j, i]
        if i == j or (both and i > j):
            continue
        steps = int(at if lag is None else lag[i, j])
        there = known.pop((variables[i], variables[j], steps), None)
        own = Evidence("discovered", method, None, round(float(values[at, i, j]), 4))
        evidence = (*(there.evidence if there else ()), own)
        edges.append(
            ProposedEdge(
                variables[i],
                variables[j],
                steps,
                float(values[at, i, j]),
                float("nan"),
                not both or bool(there),
                evidence,
            )
        )
    for edge in known.values():
        doubt = Evidence("doubtful", f"{method} does not find it")
        edges.append(ProposedEdge(edge.cause, edge.effect, edge.lag, 0.0, float("nan"), True, (*edge.evidence, doubt)))
    notices = tuple(f"{variable} is left out: it {why}" for variable, why in series.left_out)
    return Proposal(method, variables, in_order(edges), (), notices)


def required(series: Series, prior: Prior) -> Bools:
    """By cause and effect, what is known."""
    place = {variable: number for number, variable in enumerate(series.variables)}
    found = np.zeros((len(place), len(place)), dtype=np.bool_)
    for cause, effect in prior.required:
        if cause in place and effect in place:
            found[place[cause], place[effect]] = True
    return found


def partial_correlations(values: Floats) -> Floats:
    """Of every two rows given all others, and 0 with itself."""
    inverse = np.linalg.pinv(correlations(values))
    spread = np.sqrt(np.abs(np.diag(inverse)))
    found: Floats = -inverse / np.outer(spread, spread)
    np.fill_diagonal(found, 0.0)
    return found
