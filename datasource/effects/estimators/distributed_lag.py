"""The default estimator: a distributed lag of the treatment beside the adjustment set, GLSAR(5) and HAC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.effects.result import NO_ESTIMATE, Estimate
from datasource.graph import Moment
from datasource.numerics import glsar, hac_intervals, hac_lags
from datasource.telemetry import Floats, Variable

METHOD = "adjustment, distributed lag, GLSAR(5) + HAC"
_ORDER, _ITERATIONS = 5, 5


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
    adjustment: Sequence[Moment],
    feedback: bool = False,
) -> Design:
    """Lay out Y_t, the adjustment set at its lags, and X_t ... X_t-lags from rows by time.

    `feedback` says that the outcome moves the treatment, or the adjustment set, later on.
    """
    moments = [*adjustment, *(Moment(treatment, lag) for lag in range(lags + 1))]
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
    fit = glsar(design.outcome[rows], design.columns[rows], _ORDER, _ITERATIONS, positions, design.feedback)
    contrasts = np.zeros((width + 1, design.lags + 2))
    for lag in range(design.lags + 1):
        contrasts[width - design.lags + lag, [lag, -1]] = 1
    reach = max(hac_lags(len(fit.residuals)), window)
    *per_lag, total = (Estimate(*interval) for interval in hac_intervals(fit, contrasts, reach))
    notices = []
    left_out = 1 - n / (len(rows) - positions[0])  # what lies before the first whole row is only young
    if left_out > 0.1:
        notices.append(f"{left_out:.0%} of the points are left out: something that the effect needs is missing there")
    if np.isnan(total.value):
        notices.append("the treatment does not move on its own: it is constant, or moves only with the adjustment set")
    elif np.isnan(total.lower):
        notices.append("the treatment moved too rarely for an interval")
    return LagEstimate(total, tuple(per_lag), n, tuple(notices))
