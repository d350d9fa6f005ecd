"""Tests of several estimates at once."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.effects.inference import covariance
from datasource.effects.study import Study


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
    scale = np.sqrt(np.maximum(np.diag(matrix), 0))
    if not (scale > 0).all():
        return np.nan
    try:
        solved = np.linalg.solve(matrix / np.outer(scale, scale), values / scale)
    except np.linalg.LinAlgError:
        return np.nan
    return max(float((values / scale) @ solved), 0.0)


def joint_covariance(influence: Floats, study: Study, parameters: int = 1) -> JointCovariance:
    """The covariance of estimates from their influence values (n, m), as `inference.covariance` has it."""
    unit = np.abs(influence).max(axis=0, initial=0)
    unit[~(unit > 0)] = 1.0
    found = covariance(influence / unit, study, parameters)
    return JointCovariance(found.matrix * np.outer(unit, unit), found.freedom)
