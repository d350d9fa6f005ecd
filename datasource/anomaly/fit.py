"""Fitting mechanisms on a baseline that may hold incidents of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.mechanism import Mechanism, Parent, chance_of_few, design_matrix
from datasource.anomaly.roles import Roles
from datasource.graph import CausalGraph
from datasource.telemetry import Floats, Matrix, Variable, environment_of

_DAY = 86400
_WEEK = 7 * _DAY
_ROUNDS = 6
_CUT = 5.0
"""Residuals beyond this many robust standard deviations belong to an incident and are left out."""
_TAIL = 0.98
"""The quantile from which on the tail is modelled."""
_SMALLEST_RELATIVE = 0.01
"""A gap below this share of the usual level is never an anomaly."""
_SMALLEST_FAILURE_RATIO = 0.002


@dataclass(frozen=True)
class Mechanisms:
    """Of every variable: given its parents (`causal`), and given only its own season and level (`marginal`)."""

    causal: dict[Variable, Mechanism]
    marginal: dict[Variable, Mechanism]
    fitted_at: int


def fit_mechanisms(
    matrix: Matrix,
    graph: CausalGraph,
    roles: Roles,
    *,
    older: Matrix | None = None,
    false_alarms_per_day: float = 0.5,
    min_points: int = 120,
    environment: tuple[str, ...] = (),
) -> Mechanisms:
    """Fit both mechanisms of every variable that has at least `min_points` samples.

    Robust least squares: rows whose residual is beyond 5 robust standard deviations are taken as incidents
    and left out, in rounds. The interval's width on each side is where an exponential tail, fitted to the
    residuals beyond their 98% quantile (peaks over threshold, Pickands 1975, with shape 0), is exceeded as
    often as the promise allows for this many variables and points.

    `older` has single points, without their neighbours, of the time before `matrix`. What is related within one step
    is fitted on both, and so knows the day from two days on and the week from two weeks on; a mechanism with lagged
    parents is fitted on `matrix` alone, and so is one with events, most of which lie between the points of `older`.
    """
    promise = false_alarms_per_day * matrix.step / _DAY / max(1, len(matrix.variables))
    causal: dict[Variable, Mechanism] = {}
    marginal: dict[Variable, Mechanism] = {}
    for variable in matrix.variables:
        level = roles.level(matrix, variable)
        if int(np.isfinite(level).sum()) < min_points:
            continue
        parents = [
            _parent(matrix, roles, edge.cause, edge.lag) for edge in graph.parents(variable) if edge.cause in matrix
        ]
        fit = _Fit(matrix, older, roles, variable, promise, environment)
        marginal[variable] = fit.given(())
        causal[variable] = fit.given([parent for parent in parents if parent]) if parents else marginal[variable]
    return Mechanisms(causal, marginal, matrix.end)


@dataclass(frozen=True)
class _Fit:
    matrix: Matrix
    older: Matrix | None
    roles: Roles
    variable: Variable
    promise: float
    environment: tuple[str, ...]

    def given(self, parents: Sequence[Parent | None]) -> Mechanism:
        kept_parents = tuple(parent for parent in parents if parent)
        matrices = [*self._usable_older(kept_parents), self.matrix]
        level = np.concatenate([self.roles.level(one, self.variable) for one in matrices])
        measured = np.isfinite(level)
        # The first rows know no lagged parents.
        measured[: max((parent.lag for parent in kept_parents), default=0)] = False
        times = np.concatenate([one.times for one in matrices])[measured]
        span = int(times[-1] - times[0]) + self.matrix.step
        seasonal, weekly = span >= 2 * _DAY, span >= 2 * _WEEK
        design = np.vstack([design_matrix(one, self.roles, kept_parents, seasonal, weekly)[0] for one in matrices])
        loads = [self.roles.load(one, self.variable) for one in matrices]
        load = None if loads[-1] is None else np.concatenate(loads)[measured]  # type: ignore[arg-type]
        typical = 0.0 if load is None else float(np.median(load))
        chance = chance_of_few(load, typical, int(measured.sum()))
        y = level[measured]
        X, scaled = design[measured] / chance[:, None], y / chance
        coefficients, kept = _robust_least_squares(X, scaled, _mostly_one_value(y), self._lasting)
        residuals = (scaled - X @ coefficients)[kept]
        first_recent = int(kept[: int(measured[: -self.matrix.values.shape[1]].sum())].sum())
        smallest = self._smallest_width(y)
        scales = np.maximum(np.abs(X).max(axis=0), 1e-300)
        Z = X[kept] / scales
        inverse: Floats = np.linalg.pinv(Z.T @ Z, rcond=1e-10, hermitian=True) / np.outer(scales, scales)
        return Mechanism(
            self.variable,
            environment_of(self.variable.entity, self.environment),
            kept_parents,
            seasonal,
            coefficients,
            inverse * _inflation(residuals[first_recent:]),
            max(_tail_width(-residuals, self.promise), smallest),
            max(_tail_width(residuals, self.promise), smallest),
            int(kept.sum()),
            weekly,
            typical,
        )

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
            alone = self.roles.load(self.matrix, variable) is None
            if variable not in self.older or (self.roles.load(self.older, variable) is None) != alone:
                return []
            if self.roles.signals[variable.signal].kind == "event":
                return []
        return [self.older]

    def _smallest_width(self, y: Floats) -> float:
        """No interval is narrower than 1% of the usual level, or than one step of a signal that counts."""
        relative = _SMALLEST_RELATIVE * float(np.median(np.abs(y)))
        if self.roles.load(self.matrix, self.variable) is not None and self.roles.role(self.variable) == "failure":
            return max(relative, _SMALLEST_FAILURE_RATIO)
        counts = np.array_equal(y, np.rint(y))
        return max(relative, 1.0 if counts else 0.0, float(np.finfo(np.float64).tiny))


def _parent(matrix: Matrix, roles: Roles, variable: Variable, lag: int) -> Parent | None:
    """A parent as the baseline knows it; None when it never moves, for then it explains nothing."""
    level = roles.level(matrix, variable)
    level = level[np.isfinite(level)]
    if level.size < 2 or np.ptp(level) <= 1e-12 * max(1e-300, float(np.abs(level).max())):
        return None
    low, median, high = np.quantile(level, (0.005, 0.5, 0.995))
    return Parent(variable, lag, float(median), float(low), float(high))


def _robust_least_squares(X: Floats, y: Floats, rare: bool, lasting: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Coefficients, and which rows were kept. `rare` says that most rows have one and the same value; what deviates
    is then left out only where it does so `lasting` rows in a row."""
    scales = np.maximum(np.abs(X).max(axis=0), 1e-300)
    Z = X / scales
    kept = np.ones(y.size, dtype=np.bool_)
    if rare:
        values, counts = np.unique(y, return_counts=True)
        quiet = ~_in_long_runs(y != values[counts.argmax()], lasting)
        kept = quiet if quiet.sum() >= y.size // 2 else kept
    for _ in range(_ROUNDS):
        coefficients = np.linalg.lstsq(Z[kept], y[kept], rcond=1e-10)[0]
        residuals = y - Z @ coefficients
        center = float(np.median(residuals))
        scale = 1.4826 * float(np.median(np.abs(residuals - center)))
        if rare or scale <= 0:
            break
        now = np.abs(residuals - center) <= _CUT * scale
        if now.sum() < max(2 * X.shape[1], y.size // 2) or np.array_equal(now, kept):
            break
        kept = now
    return coefficients / scales, kept


def _in_long_runs(flags: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Which flags stand in a run of at least `shortest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).reshape(-1, 2)
    found = np.zeros(flags.size, dtype=np.bool_)
    for first, stop in edges[np.diff(edges, axis=1)[:, 0] >= shortest]:
        found[first:stop] = True
    return found


def _mostly_one_value(y: Floats) -> bool:
    _, counts = np.unique(y, return_counts=True)
    return bool(counts.max() > y.size / 2)


def _tail_width(residuals: Floats, promise: float) -> float:
    """How far a residual goes with probability `promise`: beyond the 98% quantile the tail is exponential."""
    start = float(np.quantile(residuals, _TAIL))
    excess = residuals[residuals > start] - start
    mean_excess = float(excess.mean()) if excess.size else 0.0
    return max(start, 0.0) + mean_excess * log(max((1 - _TAIL) / promise, 1.0))


def _inflation(residuals: Floats) -> float:
    """By how much autocorrelation inflates the variance of coefficients, for AR(1) residuals."""
    if residuals.size < 3 or not residuals.any():
        return 1.0
    rho = float(np.clip(residuals[1:] @ residuals[:-1] / (residuals @ residuals), 0, 0.95))
    return (1 + rho) / (1 - rho)
