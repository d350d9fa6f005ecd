"""The default estimator: a distributed lag of the treatment beside the adjustment set, GLSAR(5) and HAC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats, Variable
from datasource.effects.inference import by_unit
from datasource.effects.result import NO_ESTIMATE, Answer, Estimate
from datasource.effects.study import Ints, Study, StudyError
from datasource.graph import LaggedVariable
from datasource.numerics import Regression, glsar, glsar_coefficients, long_run_intervals, rolling_glsar

ORDER, ITERATIONS = 5, 5


@dataclass(frozen=True)
class Design:
    """Outcome (n), columns (n, k: adjustment set, then treatment at lags 0, 1, ...) and which rows are whole."""

    outcome: Floats
    columns: Floats
    lags: int
    complete: NDArray[np.bool_]
    feedback: bool = False

    def between(self, first: int, last: int) -> "Design":
        """The rows first ... last - 1; their lags reach further back."""
        rows = slice(first, last)
        return Design(self.outcome[rows], self.columns[rows], self.lags, self.complete[rows], self.feedback)


@dataclass(frozen=True)
class LagEstimate:
    """The cumulative effect, the effect at each lag, how many rows they come from, and what is to be said."""

    effect: Estimate
    per_lag: tuple[Estimate, ...]
    n: int
    notices: tuple[str, ...]


def build_design(
    rows: Mapping[Variable, Floats],
    treatment: Variable,
    outcome: Variable,
    lags: int,
    adjustment: Sequence[LaggedVariable],
    feedback: bool = False,
) -> Design:
    """Lay out Y_t, the adjustment set at its lags, and X_t ... X_t-lags from rows by time.

    `feedback` says that the outcome moves the treatment, or the adjustment set, later on.
    """
    moments = [*adjustment, *(LaggedVariable(treatment, lag) for lag in range(lags + 1))]
    columns = np.column_stack([lagged(rows[moment.variable], moment.lag) for moment in moments])
    complete = np.isfinite(columns).all(axis=1) & np.isfinite(rows[outcome])
    return Design(rows[outcome], columns, lags, complete, feedback)


def lagged(row: Floats, lag: int) -> Floats:
    """The row, `lag` steps later; NaN where it begins."""
    shifted = np.full(len(row), np.nan)
    shifted[lag:] = row[: max(len(row) - lag, 0)]
    return shifted


def estimate_effect(design: Design, window: int = 1) -> LagEstimate:
    """Effects per lag and their sum, with 95% intervals that hold for autocorrelated data.

    `window` is the signals' window in steps: overlapping windows stay correlated at least that long. NaN and a
    notice where fewer than max(30, 3 columns) rows are whole, or where the treatment does not move on its own.
    """
    rows, width = design.complete, design.columns.shape[1]
    n, wanted = int(rows.sum()), max(30, 3 * (width + 1))
    nothing = (NO_ESTIMATE,) * (design.lags + 1)
    if n < wanted:
        return LagEstimate(NO_ESTIMATE, nothing, n, (f"{n} of {wanted} points that the effect needs",))
    positions = np.flatnonzero(rows).astype(np.int64)
    fit = glsar(design.outcome[rows], design.columns[rows], ORDER, ITERATIONS, positions, design.feedback)
    *per_lag, total = (Estimate(*one) for one in long_run_intervals(fit, _contrasts(width, design.lags), window))
    notices = []
    left_out = 1 - n / (len(rows) - positions[0])  # what lies before the first whole row is only young
    if left_out > 0.1:
        notices.append(f"{left_out:.0%} of the points are left out: something that the effect needs is missing there")
    if np.isnan(total.value):
        notices.append("the treatment does not move on its own: it is constant, or moves only with the adjustment set")
    elif np.isnan(total.lower):
        notices.append("the treatment moved too rarely for an interval")
    return LagEstimate(total, tuple(per_lag), n, tuple(notices))


def rolling_effects(design: Design, windows: Sequence[tuple[int, int]], window: int = 1) -> list[Estimate]:
    """The cumulative effect over each of `windows`: what `estimate_effect(design.between(first, last))` answers.

    All at once where that is exact to 1e-8, one at a time where columns are constant or nearly collinear.
    """
    wanted = max(30, 3 * (design.columns.shape[1] + 1))
    counts = np.concatenate([[0], np.cumsum(design.complete)])
    contrast = _contrasts(design.columns.shape[1], design.lags)[1:, -1]
    places = np.array(windows, dtype=np.int64).reshape(-1, 2)
    fast = rolling_glsar(
        design.outcome, design.columns, design.complete, places, contrast, ORDER, ITERATIONS, window, design.feedback
    )
    found = []
    for (first, last), exact, row in zip(places.tolist(), fast.exact.tolist(), fast.table.tolist(), strict=True):
        if counts[last] - counts[first] < wanted:
            found.append(NO_ESTIMATE)
        else:
            found.append(Estimate(*row) if exact else estimate_effect(design.between(first, last), window).effect)
    return found


def distributed_lag(study: Study) -> Answer:
    """GLSAR(5) and HAC on a study: the effect at each lag of the treatment, and their sum.

    HAC is the equal-weighted cosine estimator. Measured at n = 1,000 on AR(0.9) data (`benchmarks/coverage.py`, 300
    runs each): 93-98% of the intervals of the total effect hold the truth, 96% on average, feedback and windows
    included.

    The rows of several units are whitened each with its own past, with one autoregression for all. Scores of the same
    time are summed before HAC (Driscoll and Kraay 1998) where there are few units; many are the clusters, unless what
    they share at a time counts for more. Raises StudyError for rows without times, too few rows, and a treatment that
    does not move on its own.
    """
    fit = study.once(autoregressive_fit)
    clusters = fit.positions // _span(study) if by_unit(study) else None
    contrasts = _contrasts(study.adjusted.shape[1] + study.lags + 1, study.lags)
    found = long_run_intervals(replace(fit, positions=fit.positions % _span(study)), contrasts, study.window, clusters)
    *per_lag, total = (Estimate(*interval) for interval in found)
    if np.isnan(total.value):
        raise StudyError(_STILL.format(study.treatment_name))
    rare = ("the treatment moved too rarely for an interval",) if np.isnan(total.lower) else ()
    return Answer(total, study.n, tuple(per_lag) if study.lags else (), notices=rare)


def autoregressive_fit(study: Study) -> Regression:
    """The GLSAR(5) of `distributed_lag`: on what is adjusted for and, last, the treatment's lags. Raises StudyError."""
    return glsar(study.outcome, _columns(study), ORDER, ITERATIONS, _positions(study), study.feedback, study.units)


def lag_effect(study: Study) -> float:
    """The effect of `distributed_lag` without its interval, at a fraction of the cost. Raises StudyError."""
    if study.units is not None or study.feedback:
        return distributed_lag(study).effect.value
    slopes = glsar_coefficients(study.outcome, _columns(study), ORDER, ITERATIONS, _positions(study))
    effect = float(slopes[-1 - study.lags :].sum())
    if np.isnan(effect):
        raise StudyError(_STILL.format(study.treatment_name))
    return effect


_STILL = "{} does not move on its own: it is constant, or moves only with what is adjusted for"


def _columns(study: Study) -> Floats:
    if study.times is None:
        raise StudyError("the distributed lag needs times; name the time column, or use linear_regression")
    wanted = max(30, 3 * study.coefficients)
    if study.n < wanted:
        raise StudyError(
            f"{study.n} complete rows; {wanted} are needed for {study.coefficients - 1} columns: give more rows, or "
            "adjust for less"
        )
    return np.column_stack([study.adjusted, study.treatment])


def _positions(study: Study) -> Ints:
    """Places on a grid of one unit after the other."""
    assert study.times is not None
    places: Ints = study.times - study.times.min()
    if study.units is None:
        return places
    return places + np.unique(study.units, return_inverse=True)[1] * _span(study)


def _span(study: Study) -> int:
    """How far units are apart on the grid: too far for rows to be neighbours."""
    assert study.times is not None
    return int(study.times.max() - study.times.min()) + 1 + ORDER


def _contrasts(width: int, lags: int) -> Floats:
    """The effect at each lag and, last, their sum, as combinations of the intercept and `width` columns."""
    contrasts = np.zeros((width + 1, lags + 2))
    for lag in range(lags + 1):
        contrasts[width - lags + lag, [lag, -1]] = 1
    return contrasts
