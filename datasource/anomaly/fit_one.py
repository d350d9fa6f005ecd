"""Fitting the mechanisms of one variable."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from datasource.anomaly.calibration import Baseline
from datasource.anomaly.conserved import limits
from datasource.anomaly.constants import DAY, PARTS, SMALLEST_FAILURE_RATIO, SMALLEST_RELATIVE, WEEK
from datasource.anomaly.follow import accepted_after
from datasource.anomaly.lags import choose_lags
from datasource.anomaly.mechanism import Mechanism, Parent, chance_of_few, design_matrix
from datasource.anomaly.robust import Bounds, median, robust_least_squares
from datasource.anomaly.usual_levels import UsualLevels, usual_level
from datasource.anomaly.widths import reference_widths
from datasource.data import Entity, Floats, Matrix, Variable, environment_of
from datasource.data.roles import Roles
from datasource.graph import Edge

_NEARLY = 0.95
"""Two days or weeks show their season even if points are missing at their ends."""
_FARTHEST = 1e6
"""Gaps beyond so many widths are all the same."""
FEWEST_ACCEPTED = 3
"""So many points make an accepted level."""
_BEYOND = 0.01
"""So many of its points may lie beyond the interval of an accepted level, on either side, as far as these can tell."""


_TOLD = 1e-10
"""What columns tell in a direction in which they move by less than this share is nothing."""


class LeftOut(NamedTuple):
    """From when to when (seconds) an entity, or everything where that is None, is no example of what is normal."""

    entity: Entity | None
    start: float
    end: float


class Accepted(NamedTuple):
    """An entity whose level since `start` (seconds) somebody accepted as the new normal."""

    entity: Entity
    start: float


class OneGiven(NamedTuple):
    """A mechanism, its `gaps` by time of the baseline, in reference widths (`above`), expected by a fit on other parts
    of the time, NaN where not known; and the `smallest` width that its interval may have."""

    mechanism: Mechanism
    gaps: Floats
    smallest: float


@dataclass(frozen=True)
class OneFit:
    """A variable and what is known of it. `longest_lag` is in steps."""

    matrix: Matrix
    older: Matrix | None
    baseline: Baseline
    roles: Roles
    variable: Variable
    usual: UsualLevels
    longest_lag: int = 0
    left_out: Sequence[LeftOut] = ()
    environment: tuple[str, ...] = ()
    accepted: Sequence[Accepted] = ()

    @cached_property
    def _level(self) -> Floats:
        """What is fitted, by time; NaN where it is left out."""
        level = self.roles.level(self.matrix, self.variable)
        times = self.matrix.times
        for one in self.left_out:
            if one.entity in (None, self.variable.entity):
                level = np.where((times >= one.start) & (times <= one.end), np.nan, level)
        window = self.roles.signals[self.variable.signal].window
        for new in self.accepted:
            if new.entity == self.variable.entity:
                # Within its window after the change a point is of neither level.
                level = np.where((times >= new.start) & (times < new.start + window), np.nan, level)
        return level

    @cached_property
    def points(self) -> int:
        """How many points it can be fitted on."""
        return int(np.isfinite(self._level).sum())

    @cached_property
    def smallest_width(self) -> float:
        """No interval is narrower than 1% of the usual level, or than one step of a signal that counts; half a step of
        one that is 1 as a rule, as `up`, where a step is all that can happen."""
        y = self._level[np.isfinite(self._level)]
        relative = SMALLEST_RELATIVE * median(np.abs(y))
        if self.roles.scale(self.matrix, self.variable) is not None and self.roles.role(self.variable) == "failure":
            return max(relative, SMALLEST_FAILURE_RATIO)
        counts = np.array_equal(y, np.rint(y))
        one = 0.5 if counts and y.max() == np.median(y) == 1.0 else 1.0
        return max(relative, one if counts else 0.0, float(np.finfo(np.float64).tiny))

    def given(self, edges: Sequence[Edge]) -> OneGiven:
        """The mechanism given the causes of these edges. Nothing is calibrated yet."""
        parents, bounds = self._parents(edges)
        older = self._usable_older(parents)
        matrices = [*older, self.matrix]
        level = np.concatenate([*(self.roles.level(one, self.variable) for one in older), self._level])
        measured = np.isfinite(level)
        # The first rows know no lagged parents.
        measured[: max((parent.lag for parent in parents), default=0)] = False
        every_time = np.concatenate([one.times for one in matrices])
        times = every_time[measured]
        span = int(times[-1] - times[0]) + self.matrix.step
        seasonal, weekly = span >= _NEARLY * 2 * DAY, span >= _NEARLY * 2 * WEEK
        steps, rises = self._steps(times, level[measured])
        risen = (times[:, None] >= np.array(steps)) @ rises if steps else 0.0
        designs = [design_matrix(one, self.roles, parents, seasonal, weekly, steps) for one in matrices]
        design, missing = np.vstack([one for one, _ in designs]), np.vstack([one for _, one in designs])
        loads = [self.roles.requests(one, self.variable) for one in matrices]
        load: Floats | None = None if loads[-1] is None else np.concatenate(loads)  # type: ignore[arg-type]
        typical = 0.0 if load is None else median(load[measured])
        chance = chance_of_few(None if load is None else load[measured], typical, times.size)
        X, y = design[measured] / chance[:, None], (level[measured] - risen) / chance
        free = design.shape[1] - len(bounds)
        limited = Bounds(
            np.array([-inf] * free + [low for low, _ in bounds]), np.array([inf] * free + [high for _, high in bounds])
        )
        parts = _parts_of(self.baseline.folds[-level.size :][measured])
        weights = self._weights(older, measured)
        # Of what hardly ever moves, what does so for long is left out; but an accepted level may.
        lasting = y.size + 1 if steps else self._lasting
        fit = robust_least_squares(X, y, parts, lasting, weights, limited)
        if steps:
            # Held, or a new level within one part of the time would be no level to the fits on the others.
            held = slice(free - len(steps), free)
            limited.lower[held] = limited.upper[held] = fit.coefficients[held]
            fit = robust_least_squares(X, y, parts, lasting, weights, limited)
        kept = fit.kept
        residuals, others = (y - X @ fit.coefficients)[kept], y - fit.expected
        smallest = max(self.smallest_width, self._accepted_width(y - X @ fit.coefficients, times, steps))
        widths = reference_widths(others[kept], smallest)
        first_recent = int(kept[: int(measured[: -self.matrix.values.shape[1]].sum())].sum())
        covariance = _covariance(X[kept], fit.coefficients)
        fit.coefficients[free - len(steps) : free] += rises
        mechanism = Mechanism(
            self.variable,
            environment_of(self.variable.entity, self.environment),
            parents,
            seasonal,
            fit.coefficients,
            covariance * _inflation(residuals[first_recent:]),
            widths.below,
            widths.above,
            int(kept.sum()),
            weekly,
            typical,
            steps=steps,
        )
        expected = np.full(measured.size, np.nan)
        expected[measured] = fit.expected * chance + risen
        _, above = mechanism.widths(every_time, design, missing, load, self.roles)
        with np.errstate(over="ignore", invalid="ignore"):
            own = np.clip((level - expected) / above, -_FARTHEST, _FARTHEST)
        gaps: Floats = np.full(self.baseline.times.size, np.nan)
        gaps[gaps.size - level.size :] = np.where(measured, own, np.nan)
        return OneGiven(mechanism, gaps, smallest)

    def _accepted_width(self, residuals: Floats, times: Floats, steps: tuple[float, ...]) -> float:
        """How far the few points of an accepted level scatter: the time before may tell nothing of that. Once the level
        is as old as those that are usual without being accepted, the parts of the baseline do."""
        if not steps or times[-1] - steps[-1] > accepted_after(float(times[-1] - times[0])):
            return 0.0
        new = residuals[times >= steps[-1]]
        return float(np.std(new, ddof=1) * stdtrit(new.size - 1, 1 - _BEYOND))

    def _steps(self, times: Floats, level: Floats) -> tuple[tuple[float, ...], Floats]:
        """Since when (seconds) there are accepted levels, and by how much each is above the one before; of which a few
        points are known on either side."""
        steps: list[float] = []
        if not self.accepted:
            return (), np.empty(0)
        for start in sorted({one.start for one in self.accepted if one.entity == self.variable.entity}):
            before = (times >= steps[-1]) & (times < start) if steps else times < start
            if min(before.sum(), (times >= start).sum()) >= FEWEST_ACCEPTED:
                steps.append(start)
        place = np.searchsorted(steps, times, side="right")
        levels = [float(np.median(level[place == number])) for number in range(len(steps) + 1)]
        return tuple(steps), np.diff(levels)

    def _weights(self, older: Sequence[Matrix], measured: NDArray[np.bool_]) -> Floats | None:
        """An older point counts for all the steps that it stands for."""
        if not older:
            return None
        weights = np.ones(measured.size)
        weights[: older[0].values.shape[1]] = older[0].step / self.matrix.step
        return weights[measured]

    def _parents(self, edges: Sequence[Edge]) -> tuple[tuple[Parent, ...], list[tuple[float, float]]]:
        """The parents as the baseline knows them, at the lags of the graph and those that the data adds, and their
        limits; those that never move are left out, for they explain nothing."""
        known: dict[tuple[Variable, int], tuple[float, float]] = {}
        for edge in edges:
            known.setdefault((edge.cause, edge.lag), limits(edge, self.matrix, self.roles))
        known = {place: both for place, both in known.items() if self.usual.of(place[0]).moves}
        for cause, lag in self._added_lags(known):
            known[cause, lag] = next(both for (other, _), both in known.items() if other == cause)
        places = sorted(known)
        seen = [self.usual.of(cause) for cause, _ in places]
        parents = (
            Parent(cause, lag, one.median, one.low, one.high) for (cause, lag), one in zip(places, seen, strict=True)
        )
        return tuple(parents), [known[place] for place in places]

    def _added_lags(self, known: dict[tuple[Variable, int], tuple[float, float]]) -> list[tuple[Variable, int]]:
        able = [
            (cause, lag)
            for cause in dict.fromkeys(cause for cause, _ in known)
            for lag in range(self.longest_lag + 1)
            if (cause, lag) not in known
        ]
        if not able:
            return []
        every = (*known, *able)
        filled = {cause: self._filled(cause) for cause in dict.fromkeys(cause for cause, _ in known)}
        rows = np.flatnonzero(np.isfinite(self._level))
        rows = rows[np.searchsorted(rows, self.longest_lag) :]
        columns = np.stack([_delayed(filled[cause], lag, self.usual.of(cause).median)[rows] for cause, lag in every])
        usual = self.usual.of(self.variable)
        if self.left_out or self.accepted:
            usual = usual_level(self._level, self.roles.signals[self.variable.signal].kind == "event")
        y = usual.without_extremes(self._level[rows])
        return [able[number] for number in choose_lags(y, columns[: len(known)], columns[len(known) :])]

    def _filled(self, cause: Variable) -> Floats:
        """The level of a cause without extremes, its median where it is not known."""
        usual, level = self.usual.of(cause), self.roles.level(self.matrix, cause)
        return np.where(np.isfinite(level), usual.without_extremes(level), usual.median)

    @property
    def _lasting(self) -> int:
        """So many deviating points in a row are an incident, not an event that its window shows several times."""
        window = self.roles.signals[self.variable.signal].window
        return 3 + 2 * max(1, round(window / self.matrix.step))

    def _usable_older(self, parents: tuple[Parent, ...]) -> list[Matrix]:
        """The older points, when they tell the same of these variables as the recent ones do."""
        variables = [self.variable, *(parent.variable for parent in parents)]
        if self.older is None or any(parent.lag for parent in parents):
            return []
        for variable in variables:
            alone = self.roles.requests(self.matrix, variable) is None
            if variable not in self.older or (self.roles.requests(self.older, variable) is None) != alone:
                return []
            if self.roles.signals[variable.signal].kind == "event":
                return []
        return [self.older]


def _parts_of(parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The parts of the rows; what is known in hardly more than one is divided anew: where there are no others, nothing
    would be expected of a part."""
    if parts.size and np.bincount(parts).max() > parts.size / 2:
        return np.arange(parts.size) * PARTS // parts.size
    return parts


def _delayed(level: Floats, lag: int, before: float) -> Floats:
    return np.concatenate([np.full(lag, before), level])[: level.size] if lag else level


def _covariance(X: Floats, coefficients: Floats) -> Floats:
    """(X'X)^-1 of the columns that have a coefficient; nothing is known, and nothing said, of the others."""
    used = coefficients != 0
    scales = np.maximum(np.abs(X.T).max(axis=1), 1e-100)
    Z = (X / scales)[:, used]
    found = np.zeros((coefficients.size, coefficients.size))
    values, axes = np.linalg.eigh(Z.T @ Z)
    told = values > _TOLD * values.max(initial=0.0)
    found[np.ix_(used, used)] = (axes[:, told] / values[told]) @ axes[:, told].T
    return found / np.outer(scales, scales)


def _inflation(residuals: Floats) -> float:
    """By how much autocorrelation inflates the variance of coefficients, for AR(1) residuals."""
    if residuals.size < 3 or not residuals.any():
        return 1.0
    rho = float(np.clip(residuals[1:] @ residuals[:-1] / (residuals @ residuals), 0, 0.95))
    return (1 + rho) / (1 - rho)
