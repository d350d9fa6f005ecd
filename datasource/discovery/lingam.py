"""VARLiNGAM (Hyvarinen et al. 2010): the order of causes from noise that is not Gaussian, after an autoregression.

The order is DirectLiNGAM's (Shimizu et al. 2011) with the pairwise likelihood ratio (Hyvarinen and Smith 2013): the
first variable is the one whose regressions on the others leave what is most independent of it.
"""

import numpy as np
from scipy import stats

from datasource.data import Floats, Matrix
from datasource.discovery.answer import answer
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import lagged, prepare, standardised
from datasource.discovery.skeleton import Bools

NAME = "lingam"
_ALPHA = 0.01
"""Significance of each coefficient."""
_FAR = 6.0
"""Standard deviations at which values are cut."""
_K1, _K2, _GAMMA = 79.047, 7.4129, 0.37457
"""Constants of the entropy's approximation (Hyvarinen 1998)."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lags from 0 to the prior's longest; lag 0 alone where rows are no series."""
    series = prepare(matrix, ranks=False)
    count = len(series.variables)
    longest = prior.longest_lag if series.has_memory else 0
    graph = np.zeros((longest + 1, count, count), dtype=np.bool_)
    strength = np.zeros((longest + 1, count, count))
    rows = lagged(series.values, longest)
    if count < 2 or rows.shape[1] <= rows.shape[0] + 1:
        return answer(NAME, series, prior, graph, strength)
    allowed = prior.allowed(series.variables)
    now, past = rows[:count], rows[count:]
    left = now - (now @ np.linalg.pinv(past)) @ past if longest else now
    order = causal_order(np.clip(standardised(left), -_FAR, _FAR), allowed)
    for place, effect in enumerate(order):
        causes = [(one, 0) for one in order[:place] if allowed[one, effect]]
        causes += [(one, lag) for lag in range(1, longest + 1) for one in range(count)]
        causes = [(one, lag) for one, lag in causes if one == effect or allowed[one, effect]]
        for (one, lag), value in _significant(rows, count, effect, causes):
            if one != effect:
                graph[lag, one, effect], strength[lag, one, effect] = True, value
    return answer(NAME, series, prior, graph, strength)


def causal_order(values: Floats, allowed: Bools) -> list[int]:
    """The variables (rows), causes first. One that must not cause any of the rest waits, if others may."""
    left = standardised(values)
    remaining = list(range(len(values)))
    order: list[int] = []
    while len(remaining) > 1:
        able = [
            one for one in remaining if any(allowed[one, other] for other in remaining if other != one)
        ] or remaining
        first = max(able, key=lambda one: (_first(left, one, remaining), -one))
        order.append(first)
        remaining.remove(first)
        slopes = left[remaining] @ left[first] / left.shape[1]
        left[remaining] = standardised(left[remaining] - np.outer(slopes, left[first]))
    return [*order, *remaining]


def _first(values: Floats, one: int, remaining: list[int]) -> float:
    """How well a variable does as the cause of all others: minus its squared likelihood ratios against it."""
    others = [other for other in remaining if other != one]
    slopes = values[others] @ values[one] / values.shape[1]
    spread = np.sqrt(np.maximum(1 - slopes**2, 1e-12))[:, None]
    forward = (values[others] - np.outer(slopes, values[one])) / spread
    backward = (values[one] - slopes[:, None] * values[others]) / spread
    ratio = _entropy(values[others]) + _entropy(backward) - _entropy(values[one][None]) - _entropy(forward)
    return float(-(np.minimum(ratio, 0.0) ** 2).sum())


def _entropy(values: Floats) -> Floats:
    """Of each standardised row."""
    cosh = np.abs(values) + np.log1p(np.exp(-2 * np.abs(values))) - np.log(2)
    bump = values * np.exp(-(values**2) / 2)
    found: Floats = (1 + np.log(2 * np.pi)) / 2 - _K1 * (cosh.mean(axis=1) - _GAMMA) ** 2 - _K2 * bump.mean(axis=1) ** 2
    return found


def _significant(
    rows: Floats, count: int, effect: int, causes: list[tuple[int, int]]
) -> list[tuple[tuple[int, int], float]]:
    """Causes whose coefficients in the regression on all of them are significant, with their partial correlations."""
    if not causes:
        return []
    design = rows[[lag * count + one for one, lag in causes]]
    gram = design @ design.T
    inverse = np.linalg.pinv(gram, hermitian=True)
    slopes = inverse @ (design @ rows[effect])
    freedom = max(rows.shape[1] - len(causes) - 1, 1)
    noise = float(((rows[effect] - slopes @ design) ** 2).sum()) / freedom
    scores = slopes / np.sqrt(np.maximum(np.diag(inverse) * noise, 1e-300))
    limit = stats.t.ppf(1 - _ALPHA / 2, freedom)
    partial = scores / np.sqrt(scores**2 + freedom)
    return [(cause, float(partial[k])) for k, cause in enumerate(causes) if abs(scores[k]) > limit]
