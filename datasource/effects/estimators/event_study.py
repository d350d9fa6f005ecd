"""The event study: the effect at each step since the start."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import autoregressive_error
from datasource.effects.estimators.panel_table import PanelTable, mean_of
from datasource.effects.inference import from_errors
from datasource.effects.result import Estimate
from datasource.effects.study import Ints
from datasource.numerics import closed_up

EventStudy = tuple[tuple[int, Estimate], ...]
FEW = 5
"""With fewer treated units than this, the controls tell how units differ."""


class Changes(NamedTuple):
    """The outcome since the last time before the start, less the mean of the controls not yet treated.

    `steps` (s) count from the start; `treated` (treated units, s) and `controls` (controls, s).
    """

    steps: Ints
    treated: Floats
    controls: Floats

    @property
    def mean(self) -> Floats:
        return mean_of(self.treated)

    def covariance(self, sums: Floats) -> tuple[Floats, float]:
        """The covariance (q, q) of weighted sums (q, s) of the mean, units being independent, and its freedom."""
        needed = (sums != 0).any(axis=0)
        treated, controls = (_whole(rows[:, needed]) @ sums[:, needed].T for rows in (self.treated, self.controls))
        if len(treated) < FEW:
            return _covariance(controls) * (1 / max(len(treated), 1) + 1 / max(len(controls), 1)), len(controls) - 1.0
        own = _covariance(treated) / len(treated)
        if len(controls) < 2:
            return own, len(treated) - 1.0
        return own + _covariance(controls) / len(controls), min(len(treated), len(controls)) - 1.0

    @property
    def errors(self) -> tuple[Floats, Floats]:
        """The standard error of each mean (s), units being independent, and its degrees of freedom (s)."""
        return errors_over_units(self.treated, self.controls)


def errors_over_units(treated: Floats, controls: Floats) -> tuple[Floats, Floats]:
    """The standard errors (m) of the mean of `treated` (units, m) less that of `controls`, and their freedom (m).

    With fewer than 5 treated units their spread is that of the controls (Donald and Lang 2007).
    """
    (own, many), (other, beside) = _variances(treated), _variances(controls)
    few = many < FEW
    with np.errstate(divide="ignore", invalid="ignore"):
        borrowed = other * (1 / many + 1 / beside)
        apart = own / many + np.where(beside > 1, other / beside, 0)
    freedom = np.where(few, beside - 1, np.where(beside > 1, np.minimum(many, beside), many) - 1)
    return np.sqrt(np.where(few, borrowed, apart)), freedom


def _variances(rows: Floats) -> tuple[Floats, Floats]:
    """The variance by column (units, m) of what is there, NaN for fewer than two, and how many there are."""
    counts = np.isfinite(rows).sum(axis=0).astype(np.float64)
    squares = np.nansum((rows - mean_of(rows)) ** 2, axis=0)
    return np.where(counts > 1, squares / np.maximum(counts - 1, 1), np.nan), counts


def changes(table: PanelTable) -> Changes:
    """Callaway and Sant'Anna's (2021) comparisons, cohort by cohort: a unit with those that have not begun by then."""
    found: dict[int, list[tuple[Ints, Floats]]] = {}
    largest, beside = -1, np.empty((0, 0))
    for start in np.unique(table.began[table.group]).tolist():
        base = int(np.flatnonzero(table.times < start)[-1])
        moved = table.outcome - table.outcome[:, [base]]
        waiting = (table.began[:, None] > np.maximum(table.times, table.times[base])) & (table.began != start)[:, None]
        control = np.where(waiting, moved, np.nan)
        cohort = moved[table.began == start] - mean_of(control)
        since = table.times - start
        found.setdefault(start, []).append((since, cohort))
        if len(cohort) > largest:
            largest, beside = len(cohort), np.column_stack([since, (control - mean_of(control)).T])
    steps = np.unique(np.concatenate([since for cohort in found.values() for since, _ in cohort]))
    treated = np.full((int(table.group.sum()), len(steps)), np.nan)
    row = 0
    for cohort_rows in found.values():
        for since, cohort in cohort_rows:
            treated[row : row + len(cohort), np.searchsorted(steps, since)] = cohort
            row += len(cohort)
    controls = np.full((beside.shape[1] - 1, len(steps)), np.nan)
    controls[:, np.searchsorted(steps, beside[:, 0].astype(np.int64))] = beside[:, 1:].T
    return Changes(steps, treated, controls[np.isfinite(controls).any(axis=1)])


def event_study_of_units(moved: Changes) -> EventStudy:
    """Effects by step with intervals over units."""
    mean, last = moved.mean, last_before(moved.steps)
    errors, freedom = moved.errors
    return tuple(
        (step, Estimate(0.0, 0.0, 0.0) if step == last else one)
        for step, one in zip(moved.steps.tolist(), from_errors(mean, errors, freedom), strict=True)
        if np.isfinite(one.value)
    )


def event_study_of_series(difference: Floats, steps: Ints) -> EventStudy:
    """Effects by step since the start of one series (m), treated less control; its errors follow those before."""
    before = steps < 0
    process = autoregressive_error(difference[before] - difference[before].mean(), steps[before], _intercept(before))
    base = int(np.flatnonzero(before)[-1])
    places = closed_up(steps)
    apart = 2 * (process.variance - process.autocovariance(places - places[base]))
    values = difference - difference[base]
    every = from_errors(values, np.sqrt(np.maximum(apart, 0)), process.freedom)
    every[base] = Estimate(0.0, 0.0, 0.0)
    return tuple(zip(steps.tolist(), every, strict=True))


def _whole(rows: Floats) -> Floats:
    kept: Floats = rows[np.isfinite(rows).all(axis=1)]
    return kept


def _covariance(rows: Floats) -> Floats:
    """The covariance (q, q) of rows (n, q); NaN for fewer than two."""
    q = rows.shape[1]
    if len(rows) < 2:
        return np.full((q, q), np.nan)
    centred = rows - rows.mean(axis=0)
    found: Floats = centred.T @ centred / (len(rows) - 1)
    return found


def last_before(steps: Ints) -> int:
    return int(steps[steps < 0].max())


def _intercept(rows: np.ndarray) -> Floats:
    return np.ones((int(rows.sum()), 1))
