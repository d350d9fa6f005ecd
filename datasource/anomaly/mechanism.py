"""The mechanism of a variable: what it should be, given its parents."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import BINS, DAY, HARMONICS, NEVER, WEEK
from datasource.anomaly.persistence import Persistence, persisting
from datasource.data import Environment, Floats, Matrix, Variable
from datasource.data.roles import Roles, Scale

Flags = NDArray[np.bool_]
_HIGHEST = 1e6
"""What never moved before and moves now has no scale to be measured by; its score is this."""
FEW_FAILURES = 3
"""So many failed requests within a window are never an anomaly."""
EXTRAPOLATION = 0.1
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

    The score is the gap divided by the width of the interval on the side crossed: above 1 is an anomaly. `gap` and the
    widths `below` and `above` are those of levels (see `Roles.level`): per request where the role says so.
    """

    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats
    gap: Floats
    below: Floats
    above: Floats

    @classmethod
    def of(
        cls,
        values: Floats,
        scale: Scale | None,
        level: tuple[Floats, Floats],
        widths: tuple[Floats, Floats],
        only_up: Flags | bool,
    ) -> "Prediction":
        """From `values` in the variable's own unit, its observed and expected `level`, and the widths below and above;
        `scale` brings levels to that unit."""
        (observed, expected), (below, above) = level, widths
        gap = observed - expected
        score = score_of(gap, below, above, only_up)
        lower, upper = expected - below, expected + above
        if scale is not None:
            expected, lower, upper = (scale.offset + scale.unit * one for one in (expected, lower, upper))
            lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
        return cls(values, expected, lower, upper, score, gap, below, above)


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
    typical_load: float = 0.0
    """The load at which the widths hold, where the variable is judged per request; with less, chance moves it more."""
    drift: float = 0.0
    """By how much the level has moved: at the end of the baseline, and since."""
    reference: float = 0.0
    """The width `above` before it was calibrated: few points of a hundred go beyond."""
    strong: float = NEVER
    """Two points in a row with scores beyond this are an alarm at once."""
    recurring: Floats | None = None
    """By half hour of the day (UTC), how many times as wide the interval is for what recurs then."""
    steps: tuple[float, ...] = ()
    """Since when (seconds) there is another level, which somebody accepted; a coefficient each, before the parents'."""

    def slope(self, parent: Variable) -> float:
        """The change per unit of one parent, summed over its lags."""
        first = len(self.coefficients) - len(self.parents)
        return float(sum(self.coefficients[first + i] for i, p in enumerate(self.parents) if p.variable == parent))

    def moved(self, by: float) -> "Mechanism":
        """The same at a level that has moved; all of them do once a step, for which `replace` takes long."""
        moved = object.__new__(Mechanism)
        moved.__dict__.update(self.__dict__, drift=self.drift + by)
        return moved

    def predict(self, matrix: Matrix, roles: Roles, *, moved: Floats | float = 0.0) -> Prediction:
        """The expected value at every time of the matrix. The level has `moved` since the mechanism was last brought up
        to date. Raises KeyError when the variable is not in the matrix."""
        design, missing = design_matrix(matrix, roles, self.parents, self.seasonal, self.weekly, self.steps)
        expected = design @ self.coefficients + (self.drift + moved)
        load = roles.requests(matrix, self.variable)
        below, above = self.widths(matrix.times, design, missing, load, roles)
        level, scale = roles.level(matrix, self.variable), roles.scale(matrix, self.variable)
        values, only_up = matrix.row(self.variable), roles.only_up_hurts(self.variable)
        return Prediction.of(values, scale, (level, expected), (below, above), only_up)

    def widths(
        self, times: NDArray[np.int64], design: Floats, missing: Flags, load: Floats | None, roles: Roles
    ) -> tuple[Floats, Floats]:
        """By time (seconds), how wide the interval is below and above, given the design, where parents are `missing`
        (see `design_matrix`), and the load."""
        chance = chance_of_few(load, self.typical_load, times.size)
        spread = np.sqrt(chance**2 + np.einsum("ti,ti->t", design @ self.covariance, design))
        if self.recurring is not None:
            spread *= self.recurring[bins_of(times)]
        unsure = np.zeros(times.size)
        for number, parent in enumerate(self.parents):
            column = design.shape[1] - len(self.parents) + number
            outside = np.abs(design[:, column] - np.clip(design[:, column], parent.low, parent.high))
            range_ = max(parent.high - parent.median, parent.median - parent.low)
            unsure += abs(self.coefficients[column]) * np.where(missing[:, number], range_, EXTRAPOLATION * outside)
        below, above = self.below * spread + unsure, self.above * spread + unsure
        if load is not None and roles.role(self.variable) == "failure":
            above = np.fmax(above, FEW_FAILURES / (load * roles.signals[self.variable.signal].window))
        return below, above

    def persists(self, score: Floats, persistence: Persistence) -> Floats:
        """By time, how high a score of this variable persists: above 1 is an alarm."""
        return persisting(score, persistence, self.strong)


def score_of(gap: Floats, below: Floats, above: Floats, only_up: Flags | bool) -> Floats:
    """The gap over the interval's width on the side crossed; NaN where the gap is."""
    with np.errstate(over="ignore"):
        down = np.where(only_up, 0.0, -gap / below)
        score = np.minimum(np.where(gap >= 0, gap / above, down), _HIGHEST)
    score[np.isnan(gap)] = np.nan
    return score


def bins_of(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """The time of day (UTC), in half hours, of times in seconds."""
    found: NDArray[np.int64] = times % DAY * BINS // DAY
    return found


def design_matrix(
    matrix: Matrix,
    roles: Roles,
    parents: tuple[Parent, ...],
    seasonal: bool,
    weekly: bool = False,
    steps: tuple[float, ...] = (),
) -> tuple[Floats, NDArray[np.bool_]]:
    """Times x (1, seasonal terms, steps, parents), and times x parents: where a parent has no sample and counts as its
    baseline median. A step is 0 before its time (seconds), and 1 from then on."""
    n = matrix.values.shape[1]
    season = _season(matrix.start, matrix.step, n, seasonal, weekly)
    columns = [(matrix.times >= step).astype(np.float64) for step in steps]
    missing = np.zeros((matrix.values.shape[1], len(parents)), dtype=np.bool_)
    for number, parent in enumerate(parents):
        column = np.full(matrix.values.shape[1], np.nan)
        if parent.variable in matrix:
            level = roles.level(matrix, parent.variable)
            column[parent.lag :] = level[: level.size - parent.lag] if parent.lag < level.size else np.nan
        missing[:, number] = np.isnan(column)
        columns.append(np.where(missing[:, number], parent.median, column))
    return (np.column_stack([season, *columns]) if columns else season), missing


@lru_cache(maxsize=16)
def _season(start: int, step: int, points: int, seasonal: bool, weekly: bool) -> Floats:
    """Times x (1, seasonal terms); not to be written to."""
    times = start + step * np.arange(points)
    columns = [np.ones(points)]
    for period in ([DAY] if seasonal else []) + ([WEEK] if weekly else []):
        angle = 2 * np.pi * (times % period) / period
        for harmonic in range(1, HARMONICS + 1):
            columns += [np.sin(harmonic * angle), np.cos(harmonic * angle)]
    found = np.stack(columns, axis=1)
    found.flags.writeable = False
    return found


def chance_of_few(load: Floats | None, typical: float, points: int) -> Floats:
    """By how much a mean or ratio over few requests scatters more than one over the typical number of them."""
    if load is None or typical <= 0:
        return np.ones(points)
    return np.sqrt(np.fmax(1.0, typical / np.where(load > 0, load, np.nan)))
