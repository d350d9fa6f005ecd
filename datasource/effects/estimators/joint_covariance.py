"""The covariance of several estimates at once, right for how the rows came about."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.effects.inference import MANY_UNITS
from datasource.effects.study import Ints, Study
from datasource.telemetry import Floats


class JointCovariance(NamedTuple):
    """The covariance (m, m) of m estimates and the degrees of freedom that it is known with."""

    matrix: Floats
    freedom: float

    def wald(self, values: Floats, matrix: Floats | None = None) -> tuple[float, float]:
        """The Wald statistic of `values` (m) all being 0, and its p-value by Hotelling's F; NaN where singular."""
        m = len(values)
        matrix = self.matrix if matrix is None else matrix
        statistic = distance(values, matrix)
        if self.freedom <= m or not np.isfinite(statistic):
            return statistic, np.nan
        shrunk = (self.freedom - m + 1) / (self.freedom * m)
        return statistic, float(stats.f.sf(statistic * shrunk, m, self.freedom - m + 1))


def distance(values: Floats, matrix: Floats) -> float:
    """values' matrix^-1 values; NaN where the matrix is singular."""
    scale = np.sqrt(np.diag(matrix))
    if not (scale > 0).all():
        return np.nan
    try:
        solved = np.linalg.solve(matrix / np.outer(scale, scale), values / scale)
    except np.linalg.LinAlgError:
        return np.nan
    return max(float((values / scale) @ solved), 0.0)


def joint_covariance(influence: Floats, study: Study, parameters: int = 1) -> JointCovariance:
    """The covariance of estimates from their influence values (n, m).

    Rows: heteroscedasticity robust (HC1), and many units: clustered by unit, as `inference.estimate` has it for one.
    Time: 0.4 n^(2/3) equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018), not prewhitened, units of the
    same time summed first.
    """
    n = len(influence)
    correction = n / max(n - parameters, 1)
    if study.units is not None and study.times is not None and study.unit_count >= MANY_UNITS:
        sums = _summed(influence, np.unique(study.units, return_inverse=True)[1])
        return JointCovariance(sums.T @ sums * len(sums) / (len(sums) - 1), float(len(sums) - 1))
    if study.times is None:
        return JointCovariance(influence.T @ influence * correction, float(n - parameters))
    sums = _summed(influence, study.times - study.times.min())
    length = len(sums)
    terms = max(2, min(int(0.4 * length ** (2 / 3)), length // max(1, 2 * study.window)))
    cosines = np.cos(np.pi * np.outer(np.arange(1, terms + 1), np.arange(length) + 0.5) / length)
    waves = cosines @ sums
    return JointCovariance(2 * waves.T @ waves / terms * correction, float(terms))


def _summed(influence: Floats, keys: Ints) -> Floats:
    sums = np.zeros((int(keys.max()) + 1, influence.shape[1]))
    np.add.at(sums, keys, influence)
    return sums
