"""From influence values to an interval that is right for how the rows came about."""

import numpy as np

from datasource.effects.result import Estimate
from datasource.effects.study import Ints, Study
from datasource.numerics import cosine_error, interval
from datasource.telemetry import Floats

MANY_UNITS = 20
"""From so many units on, they can be the clusters."""


def estimate(value: float, influence: Floats, study: Study, parameters: int = 1) -> Estimate:
    """The 95% interval and p-value of an estimate from its influence values (n): value - truth is about their sum.

    Independent rows: heteroscedasticity robust (HC1). One series, or few units over time: `long_run_variance` of the
    influence by time, which forgives autocorrelation; units of the same time are summed first (Driscoll and Kraay
    1998). Many units: clustered by unit. Quantiles are Student's t, its degrees of freedom shrink where few rows
    carry the answer. `parameters` is how many numbers were fitted; what they cost is counted against the number of
    independent rows that the autocorrelation leaves.

    Measured with linear_regression where regressor, confounder and error are AR(0.9) and n = 1,000 (200 runs each,
    `benchmarks/coverage.py`): 92-96% of the intervals hold the truth, 94% on average, delayed effects, windows, rare
    events, heavy tails and panels included. No interval mends a biased estimate: with feedback it is 0%.
    """
    n = len(influence)
    if not np.isfinite(value) or n <= parameters or not np.isfinite(influence).all():
        return Estimate(value, np.nan, np.nan)
    unit = float(np.abs(influence).max()) or 1.0
    squares = (influence / unit) ** 2
    carried = float(squares.sum() ** 2 / (squares**2).sum()) if squares.any() else 0.0
    independent = float(n)
    if study.units is not None and study.times is not None and study.unit_count >= MANY_UNITS:
        sums = _summed(influence / unit, study.units)
        variance, freedom = float((sums**2).sum() * len(sums) / (len(sums) - 1)), float(len(sums) - 1)
    elif study.times is not None:
        variance, freedom = long_run_variance(_summed(influence / unit, study.times, grid=True), study.window)
        freedom = min(freedom, carried)
        independent = min(independent, n * float(squares.sum()) / variance) if variance > 0 else independent
    else:
        variance, freedom = float(squares.sum()), min(float(n - parameters), carried)
    correction = max(independent / max(independent - parameters, independent / 3), n / (n - parameters))
    return from_error(value, unit * float(np.sqrt(variance * correction)), freedom)


def from_error(value: float, error: float, freedom: float) -> Estimate:
    """The interval and p-value of an estimate with a standard error and Student's t."""
    if not np.isfinite(error) or freedom < 1:
        return Estimate(value, np.nan, np.nan)
    return Estimate(*interval(value, error, freedom))


def long_run_variance(series: Floats, window: int = 1) -> tuple[float, float]:
    """The variance of the sum of a series (n) of mean about 0, and the degrees of freedom that it is known with.

    Equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018) of the series prewhitened by an AR(1) (Andrews and
    Monahan 1992) whose coefficient is corrected for its small-sample bias and kept within 0 and 0.97. There are
    0.15 n^(2/3) cosines and at least 4, fewer where neighbours share a `window`: the 0.4 n^(2/3) that its authors
    recommend for milder autocorrelation give intervals of 91% coverage where this gives 94%.
    """
    n = len(series)
    memory = _memory(series)
    whitened = series[1:] - memory * series[:-1] if memory else series
    terms = max(min(4, n - 1), min(int(0.15 * n ** (2 / 3)), n // max(1, 2 * window)), 1)
    return (cosine_error(whitened, terms) / (1 - memory)) ** 2, float(terms)


def _memory(series: Floats) -> float:
    """The AR(1) coefficient of a series, within 0 and 0.97."""
    largest = float(np.abs(series).max(initial=0))
    if len(series) < 10 or not largest > 0:
        return 0.0
    scaled = series / largest
    raw = float(scaled[1:] @ scaled[:-1]) / float(scaled @ scaled)
    return float(np.clip(raw + (1 + 3 * raw) / len(series), 0, 0.97))


def _summed(influence: Floats, keys: Ints, grid: bool = False) -> Floats:
    """Sums by key, in order; on a `grid`, keys that are missing count as 0."""
    if grid:
        sums: Floats = np.bincount(keys - keys.min(), weights=influence).astype(np.float64)
        return sums
    return _summed(influence, np.unique(keys, return_inverse=True)[1], grid=True)
