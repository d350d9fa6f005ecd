"""The nonlinear test of invariance: is what curves leave of the outcome distributed alike in all environments?

The invariant residual distribution test of Heinze-Deml, Peters and Meinshausen (2018): one additive model of natural
splines and products over all environments, whose residuals must have the same mean, the same spread and the same
relation to what was predicted everywhere. Each is compared by long-run errors.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.numerics import Ints, long_run_errors, long_run_terms, on_grid

_KNOTS = 5
"""Of the spline of each cause: bends, and no wiggles."""
_RIDGE = 1e-6
"""Of the mean square of a column: for causes that are nearly alike."""


def residuals_alike(
    outcomes: Sequence[Floats],
    causes: Sequence[Floats],
    positions: Sequence[Ints],
    own_levels: bool = False,
    window: int = 1,
) -> float:
    """p-value of the hypothesis that `causes` (n, k) explain `outcomes` (n) alike, an item for each environment; all
    comparisons are allowed for. With `own_levels` the means may differ."""
    codes = np.repeat(np.arange(len(outcomes)), [len(one) for one in outcomes])
    y, X = np.concatenate(outcomes), _basis(np.vstack(causes))
    if own_levels:
        for code in range(len(outcomes)):
            inside = codes == code
            y, X = y.copy(), X.copy()
            y[inside] -= y[inside].mean()
            X[inside] -= X[inside].mean(axis=0)
    y = (y - y.mean()) / (y.std() or 1.0)
    X = np.column_stack([np.ones(len(y)), X])
    fitted = X @ np.linalg.solve(X.T @ X + _RIDGE * len(y) * np.eye(X.shape[1]), X.T @ y)
    left = y - fitted
    spread = np.abs(left)
    spans = (fitted - fitted.mean()) / (fitted.std() or 1.0)
    features = [spread - spread.mean(), left * spans, left * (spans**2 - 1)]
    if not own_levels:
        features.append(left)
    p_values = []
    for code in range(len(outcomes) if len(outcomes) > 2 else 1):
        inside = codes == code
        own = positions[code]
        others = [place for number, place in enumerate(positions) if number != code]
        for feature in features:
            one = _mean(feature[inside], [own], window)
            rest = _mean(feature[~inside], others, window)
            p_values.append(_welch(one, rest))
    return min(1.0, min(p_values) * len(p_values))


def _mean(values: Floats, positions: Sequence[Ints], window: int) -> tuple[float, float, float]:
    """The mean of a series in several pieces, its variance, and what that is known with."""
    first, variance, cosines = 0, 0.0, 0
    for places in positions:
        series = on_grid(values[first : first + len(places)] - values.mean(), places)[None]
        first += len(places)
        variance += float(long_run_errors(series, window)[0] ** 2)
        cosines += long_run_terms(series.shape[1], window)
    return float(values.mean()), variance / len(values) ** 2, float(cosines)


def _welch(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    total = one[1] + other[1]
    if not total > 0:
        return 1.0
    freedom = total**2 / (one[1] ** 2 / one[2] + other[1] ** 2 / other[2])
    return float(2 * stats.t.sf(abs(one[0] - other[0]) / np.sqrt(total), freedom))


def _basis(causes: Floats) -> Floats:
    """Natural cubic splines of each cause (Hastie, Tibshirani and Friedman 2009, 5.2.1), and products of any two."""
    if not causes.shape[1]:
        return np.empty((len(causes), 0))
    spread = causes.std(axis=0)
    scaled = (causes - causes.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    columns = [_spline(one) for one in scaled.T]
    columns += [(scaled[:, i] * scaled[:, j])[:, None] for i, j in combinations(range(scaled.shape[1]), 2)]
    return np.column_stack(columns)


def _spline(column: Floats) -> Floats:
    knots = np.unique(np.quantile(column, np.linspace(0.05, 0.95, _KNOTS)))
    if len(knots) < 3:
        return column[:, None]
    cubes = np.maximum(column[:, None] - knots, 0) ** 3
    slopes = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return np.column_stack([column, slopes[:, :-1] - slopes[:, -1:]])
