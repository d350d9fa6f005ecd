"""From influence values to an interval that is right for how the rows came about."""

import numpy as np

from datasource.effects.result import Estimate
from datasource.effects.study import Ints, Study
from datasource.numerics import interval
from datasource.telemetry import Floats

MANY_UNITS = 20
"""From so many units on, they can be the clusters."""


def estimate(value: float, influence: Floats, study: Study, parameters: int = 1) -> Estimate:
    """The 95% interval and p-value of an estimate from its influence values (n): value - truth is about their sum.

    Independent rows: heteroscedasticity robust (HC1). One series, or few units over time: equal-weighted cosines of
    the influence by time (Lazarus, Lewis, Stock and Watson 2018), which forgives autocorrelation; units of the same
    time are summed first (Driscoll and Kraay 1998). Many units: clustered by unit. Quantiles are Student's t, its
    degrees of freedom shrink where few rows carry the answer. `parameters` is how many numbers were fitted.
    """
    n = len(influence)
    if not np.isfinite(value) or n <= parameters or not np.isfinite(influence).all():
        return Estimate(value, np.nan, np.nan)
    correction = n / (n - parameters)
    squares = influence**2
    carried = squares.sum() ** 2 / (squares**2).sum() if squares.any() else 0.0
    if study.units is not None and study.times is not None and study.unit_count >= MANY_UNITS:
        sums = _summed(influence, study.units)
        variance, freedom = float((sums**2).sum() * len(sums) / (len(sums) - 1)), float(len(sums) - 1)
    elif study.times is not None:
        variance, freedom = long_run_variance(_summed(influence, study.times, grid=True), study.window)
        variance *= correction
        freedom = min(freedom, carried)
    else:
        variance, freedom = float(squares.sum()) * correction, min(float(n - parameters), carried)
    return from_error(value, float(np.sqrt(variance)), freedom)


def from_error(value: float, error: float, freedom: float) -> Estimate:
    """The interval and p-value of an estimate with a standard error and Student's t."""
    if not np.isfinite(error) or freedom < 1:
        return Estimate(value, np.nan, np.nan)
    return Estimate(*interval(value, error, freedom))


def long_run_variance(series: Floats, window: int = 1) -> tuple[float, float]:
    """The variance of the sum of a series (n) of mean about 0, and the degrees of freedom that it is known with.

    Equal-weighted cosine estimator of 0.4 n^(2/3) terms; fewer where neighbours share a `window`.
    """
    n = len(series)
    terms = max(2, min(int(0.4 * n ** (2 / 3)), n // max(1, 2 * window)))
    largest = float(np.abs(series).max(initial=0)) or 1.0
    cosines = np.cos(np.pi * np.outer(np.arange(1, terms + 1), np.arange(n) + 0.5) / n)
    return largest**2 * float(2 * np.mean((cosines @ (series / largest)) ** 2)), float(terms)


def _summed(influence: Floats, keys: Ints, grid: bool = False) -> Floats:
    """Sums by key, in order; on a `grid`, keys that are missing count as 0."""
    if grid:
        sums: Floats = np.bincount(keys - keys.min(), weights=influence).astype(np.float64)
        return sums
    return _summed(influence, np.unique(keys, return_inverse=True)[1], grid=True)
