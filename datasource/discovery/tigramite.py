"""PCMCI+ by Tigramite, which is GPL and which users install themselves."""

import numpy as np

from datasource.data import Matrix
from datasource.discovery.answer import answer
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import prepare

NAME = "tigramite"
_ALPHA = 0.01


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lags from 0 to the prior's longest."""
    from tigramite.data_processing import DataFrame
    from tigramite.independence_tests.parcorr import ParCorr
    from tigramite.pcmci import PCMCI

    series = prepare(matrix)
    count, longest = len(series.variables), prior.longest_lag
    graph = np.zeros((longest + 1, count, count), dtype=np.bool_)
    strength = np.zeros(graph.shape)
    if count < 2:
        return answer(NAME, series, prior, graph, strength)
    allowed = prior.allowed(series.variables)
    found = PCMCI(DataFrame(series.values.T), ParCorr(), verbosity=0).run_pcmciplus(tau_max=longest, pc_alpha=_ALPHA)
    links, values = found["graph"], found["val_matrix"]
    for cause in range(count):
        for effect in range(count):
            for lag in range(longest + 1):
                undirected = lag == 0 and links[cause, effect, 0] in ("o-o", "x-x")
                if cause != effect and allowed[cause, effect] and (links[cause, effect, lag] == "-->" or undirected):
                    graph[lag, cause, effect] = True
                    strength[lag, cause, effect] = values[cause, effect, lag]
    return answer(NAME, series, prior, graph, strength)
