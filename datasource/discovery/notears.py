"""NOTEARS and DYNOTEARS: a graph as a continuous optimisation, acyclic by a smooth constraint.

Zheng et al. (2018) at lag 0; Pamfil et al. (2020) with lags. Least squares with an L1 penalty, by L-BFGS-B within an
augmented Lagrangian; weights are split into positive and negative parts, and forbidden edges have the bounds 0 and 0.
Values are standardised, since the method would else follow the variances (Reisach et al. 2021).
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize

from datasource.data import Floats, Matrix
from datasource.discovery.answer import answer
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import lagged, prepare
from datasource.discovery.skeleton import Bools

NAME, NAME_WITH_LAGS = "notears", "dynotears"
_PENALTY = 0.02
_LEAST = 0.1
"""Weights below this, in standard deviations for one, are no edges."""
_HUGE = 1e100
_ACYCLIC, _STEEPEST, _ROUNDS = 1e-8, 1e16, 60


class Weights(NamedTuple):
    """Effects at lag 0 (cause x effect), and at each lag from 1 on (lag x cause x effect)."""

    instant: Floats
    late: Floats


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lag 0."""
    return _fit(NAME, matrix, prior, 0)


def fit_with_lags(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lags from 0 to the prior's longest, beside each variable's own past."""
    return _fit(NAME_WITH_LAGS, matrix, prior, prior.longest_lag)


def _fit(name: str, matrix: Matrix, prior: Prior, longest: int) -> Proposal:
    series = prepare(matrix, ranks=False)
    count = len(series.variables)
    graph = np.zeros((longest + 1, count, count), dtype=np.bool_)
    if count < 2:
        return answer(name, series, prior, graph, np.zeros(graph.shape))
    with np.errstate(over="ignore", invalid="ignore"):  # of steps that the line search takes back
        found = optimised(lagged(series.values, longest), count, prior.allowed(series.variables))
    strength = np.concatenate([found.instant[None], found.late])
    graph = np.abs(strength) > _LEAST
    graph[:, np.arange(count), np.arange(count)] = False
    return answer(name, series, prior, graph, strength)


def optimised(rows: Floats, count: int, allowed: Bools, penalty: float = _PENALTY) -> Weights:
    """Weights for lagged rows (lag, variable) by time, of which the first `count` are lag 0."""
    total, times = rows.shape
    gram = rows @ rows.T / times
    size = total * count
    late = np.ones((total - count, count), dtype=np.bool_)
    for lag in range(total // count - 1):
        late[lag * count : (lag + 1) * count] = allowed | np.eye(count, dtype=np.bool_)
    free = np.concatenate([allowed, late]).ravel()
    bounds = [(0.0, None) if one else (0.0, 0.0) for one in np.tile(free, 2)]
    rho, alpha, cycle = 1.0, 0.0, np.inf
    parts = np.zeros(2 * size)

    def objective(parts: Floats, rho: float, alpha: float) -> tuple[float, Floats]:
        weights = (parts[:size] - parts[size:]).reshape(total, count)
        product = gram @ weights
        loss = 0.5 * float(np.trace(gram[:count, :count]) - 2 * np.sum(gram[:, :count] * weights))
        loss += 0.5 * float(np.sum(weights * product))
        slope = product - gram[:, :count]
        grown = expm(weights[:count] ** 2)
        excess = float(np.nan_to_num(np.trace(grown), nan=_HUGE, posinf=_HUGE).clip(max=_HUGE)) - count
        grown = np.nan_to_num(grown, nan=_HUGE, posinf=_HUGE)
        slope[:count] += (rho * excess + alpha) * grown.T * 2 * weights[:count]
        value = loss + 0.5 * rho * excess**2 + alpha * excess + penalty * float(parts.sum())
        return value, np.concatenate([slope.ravel() + penalty, -slope.ravel() + penalty])

    for _ in range(_ROUNDS):
        before = cycle
        while True:
            solved = minimize(objective, parts, (rho, alpha), "L-BFGS-B", jac=True, bounds=bounds)
            weights = (solved.x[:size] - solved.x[size:]).reshape(total, count)
            cycle = float(np.trace(expm(weights[:count] ** 2))) - count
            if cycle <= 0.25 * before or rho >= _STEEPEST:
                break
            rho *= 10
        parts = solved.x
        alpha += rho * cycle
        if cycle <= _ACYCLIC or rho >= _STEEPEST:
            break
    weights = (parts[:size] - parts[size:]).reshape(total, count)
    return Weights(weights[:count], weights[count:].reshape(-1, count, count))
