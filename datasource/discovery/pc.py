"""PC (Spirtes and Glymour 1991), in its stable form (Colombo and Maathuis 2014): for independent rows, at lag 0."""

import numpy as np

from datasource.data import Matrix
from datasource.discovery.answer import answer, partial_correlations, required
from datasource.discovery.orient import by_prior, oriented
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import correlations, effective, prepare
from datasource.discovery.skeleton import skeleton

NAME = "pc"
ALPHA = 0.05
"""Significance of each test of independence, causal-learn's default."""
PRIOR_DECIDES = 1.0
"""Log-odds at which the prior gives a direction that data cannot tell."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lag 0. Rows of a series count as their effective number, for autocorrelation."""
    series = prepare(matrix, ranks=False)
    if len(series.variables) < 2:
        return answer(NAME, series, prior, np.zeros((len(series.variables),) * 2, dtype=np.bool_), np.zeros((1, 1)))
    rows = float(series.values.shape[1])
    if series.has_memory:
        rows = float(np.median(effective(series.memory, series.values.shape[1])))
    allowed, known = prior.allowed(series.variables), required(series, prior)
    found = skeleton(correlations(series.values), rows, ALPHA, allowed, known)
    graph = oriented(found, allowed | known, known)
    graph = by_prior(graph, prior.odds(series.variables)[1], PRIOR_DECIDES)
    return answer(NAME, series, prior, graph, partial_correlations(series.values))
