"""The mechanism of a variable: what it should be, given its parents."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.anomaly.roles import Roles
from datasource.telemetry import Environment, Floats, Matrix, Variable

_DAY = 86400.0
_WEEK = 7 * _DAY
_HARMONICS = 3
_EXTRAPOLATION = 0.1
"""How much of what a parent explains beyond the range seen in the baseline is taken as uncertain."""


class Parent(NamedTuple):
    """A parent at a lag, and what the baseline says of it: its median and its usual range."""

    variable: Variable
    lag: int
    median: float
    low: float
    high: float


class Prediction(NamedTuple):
    """By time: observed and expected values, the interval, and the score. NaN where there is no sample.

    The score is the gap divided by the width of the interval on the side crossed: above 1 is an anomaly.
    """

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats


@dataclass(frozen=True)
class Mechanism:
    """A linear model of a variable given its parents' actual values, now and lagged, the time of day and,
    where `weekly`, the time of the week.

    Never given the variable's own past: a lasting fault would explain itself. `coefficients` has the
    intercept, the seasonal terms (none when the baseline is too short) and one per parent; `covariance` is
    (X'X)^-1 of the rows fitted on, `below` and `above` the widths of the interval where X is typical.
    """

    variable: Variable
    environment: Environment
    parents: tuple[Parent, ...]
    seasonal: bool
    coefficients: Floats
    covariance: Floats
    below: float
    above: float
    points: int
    weekly: bool = False

    def slope(self, parent: Variable) -> float:
        """The change per unit of one parent, summed over its lags."""
        first = len(self.coefficients) - len(self.parents)
        return float(sum(self.coefficients[first + i] for i, p in enumerate(self.parents) if p.variable == parent))

    def predict(self, matrix: Matrix, roles: Roles) -> Prediction:
        """The expected value at every time of the matrix. Raises KeyError when the variable is not in it."""
        design = design_matrix(matrix, roles, self.parents, self.seasonal, self.weekly)
        expected = design @ self.coefficients
        spread = np.sqrt(1 + np.einsum("ti,ij,tj->t", design, self.covariance, design))
        beyond = np.zeros(expected.size)
        first = design.shape[1] - len(self.parents)
        for column, parent in enumerate(self.parents, first):
            outside = design[:, column] - np.clip(design[:, column], parent.low, parent.high)
            beyond += np.abs(outside * self.coefficients[column])
        observed = roles.level(matrix, self.variable)
        below = self.below * spread + _EXTRAPOLATION * beyond
        above = self.above * spread + _EXTRAPOLATION * beyond
        gap = observed - expected
        down = np.zeros(gap.size) if roles.only_up_hurts(self.variable) else -gap / below
        score = np.where(gap >= 0, gap / above, down)
        score[np.isnan(gap)] = np.nan
        load = roles.load(matrix, self.variable)
        if load is None:
            return Prediction(observed, expected, expected - below, expected + above, score)
        return Prediction(
            matrix.row(self.variable), expected * load, (expected - below) * load, (expected + above) * load, score
        )


def design_matrix(
    matrix: Matrix, roles: Roles, parents: tuple[Parent, ...], seasonal: bool, weekly: bool = False
) -> Floats:
    """Times x (1, seasonal terms, parents). A parent without a sample counts as its baseline median."""
    columns = [np.ones(matrix.values.shape[1])]
    for period in ([_DAY] if seasonal else []) + ([_WEEK] if weekly else []):
        angle = 2 * np.pi * (matrix.times % period) / period
        for harmonic in range(1, _HARMONICS + 1):
            columns += [np.sin(harmonic * angle), np.cos(harmonic * angle)]
    for parent in parents:
        column = np.full(matrix.values.shape[1], np.nan)
        if parent.variable in matrix:
            level = roles.level(matrix, parent.variable)
            column[parent.lag :] = level[: level.size - parent.lag] if parent.lag < level.size else np.nan
        columns.append(np.where(np.isnan(column), parent.median, column))
    return np.stack(columns, axis=1)
