"""How much sums go up and down by themselves, from windows before the change."""

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
