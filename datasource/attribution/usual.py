"""How much sums go up and down by themselves, from windows before the change."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from datasource.numerics import Floats

_FEWEST = 8
"""Levels from which the law is fitted."""
_FALLBACK = 0.1
"""Relative standard deviation where neither history nor a number of events says anything."""


class Law(NamedTuple):
    """Taylor's law: the variance of a level is factor * level ** power (L. R. Taylor 1961, Aggregation, variance and
    the mean). The power is 1 for independent events, 2 for what goes up and down as a whole."""

    factor: float
    power: float

    def variance(self, level: Floats) -> Floats:
        found: Floats = self.factor * np.abs(level) ** self.power
        return found


def variances(history: Floats, apart: float) -> Floats:
    """The variance of each row of levels (rows x windows), as far as it matters for two windows so many `apart`.

    That around their mean, or, where it is less, what drifts from window to window adds up to: half the mean square of
    a step, times `apart`. The largest step is left out, so that a single change of level long ago makes nothing usual,
    while what comes and goes has two. 0 with fewer than three windows.

    >>> variances(np.array([[0.0, 0, 0, 0, 9, 9, 9, 9], [0, 0, 9, 0, 0, 9, 0, 0]]), 4.0).round(1)
    array([ 0. , 17.4])
    """
    windows = history.shape[1]
    if windows < 3:
        return np.zeros(len(history))
    around = history.var(axis=1, ddof=1)
    steps = np.sort(np.diff(history, axis=1) ** 2, axis=1)
    kept = steps[:, :-1].mean(axis=1) / 2 / _without_largest(steps.shape[1])
    found: Floats = np.minimum(around, max(apart, 1.0) * kept)
    return found


@cache
def _without_largest(count: int) -> float:
    """The mean of so many squared normal numbers without their largest; with it, it is 1."""
    points = np.linspace(0, 40, 8001)
    largest = float(np.trapezoid(1 - chi2.cdf(points, 1) ** count, points))
    return (count - largest) / (count - 1)


def fit_law(levels: Floats, variances: Floats, windows: int, unit: float = np.nan) -> Law:
    """Fitted to levels and their variances between so many `windows`; `unit` is the variance of one event, where events
    are counted and there is no history."""
    some = (levels > 0) & (variances > 0)
    if some.sum() < _FEWEST or windows < 3:
        return Law(unit, 1.0) if np.isfinite(unit) else Law(_FALLBACK**2, 2.0)
    x, y = np.log(levels[some]), np.log(variances[some])
    spread = float(np.var(x))
    slope = float(np.cov(x, y, bias=True)[0, 1] / spread) if spread > 0 else 1.0
    power = float(np.clip(slope, 1.0, 2.0))
    median = float(chi2.median(windows - 1) / (windows - 1))
    return Law(float(np.exp(np.median(y - power * x))) / median, power)
