"""What becomes of the effect when further columns join the adjustment set."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.refit import WHITENING
from datasource.effects.checks.series import places
from datasource.effects.estimators.distributed_lag import ITERATIONS, ORDER, autoregressive_fit
from datasource.effects.estimators.linear_regression import ordinary_fit
from datasource.effects.inference import by_unit, estimate
from datasource.effects.methods import Method
from datasource.effects.result import Estimate
from datasource.effects.study import Mask, Study, StudyError
from datasource.numerics import (
    Regression,
    glsar,
    honest_residuals,
    least_squares,
    long_run_intervals,
    whitened_least_squares,
)
from datasource.numerics.grid import closed_up

_ROWS_A_COLUMN = 5


class Joined(NamedTuple):
    """The effect over all lags, as linear regression has it without and with further columns.

    `moved` is the difference. `own` is the sum of the further columns' coefficients, weighted as was asked for.
    """

    before: float
    after: float
    moved: Estimate
    own: Estimate


def join(study: Study, method: Method, further: Floats, weights: Floats | None = None) -> Joined:
    """Fit without and with `further` (n, m) on the rows that have them all; `weights` (m) are those of `own`.

    Both are fitted as the method does it: whitened with one autoregression where it whitens, else by least squares.
    A further column that follows from the others is left out. Raises StudyError where rows are too few, or nothing of
    the treatment is left.
    """
    rows, further = complete(study, further)
    lags = rows.treatment.shape[1]
    wide = np.column_stack([rows.adjusted, further, rows.treatment])
    if rows.n < max(50, _ROWS_A_COLUMN * (study.coefficients + further.shape[1])):
        raise StudyError(f"{rows.n:,} rows are too few for {further.shape[1]} further columns; give more")
    without, with_them = _both(rows, method, wide)
    slopes = [fit.coefficients[-lags:] for fit in (without, with_them)]
    if not np.isfinite(slopes).all():
        raise StudyError(f"nothing of {study.treatment_name} is left beside {further.shape[1]} further columns")
    before, after = (float(one.sum()) for one in slopes)
    difference = with_them.weights[:, -lags:].sum(axis=1) - without.weights[:, -lags:].sum(axis=1)
    first = len(without.coefficients) - lags
    loads = np.zeros(further.shape[1]) if weights is None else weights
    own = np.nan_to_num(with_them.coefficients[first : first + further.shape[1]])
    return Joined(
        before,
        after,
        _interval(after - before, difference, with_them, rows, method),
        _interval(float(own @ loads), with_them.weights[:, first:-lags] @ loads, with_them, rows, method),
    )


def complete(study: Study, further: Floats) -> tuple[Study, Floats]:
    """The rows where all of `further` (n, m) is known, and it there. Give several joins the same: they share fits."""
    whole: Mask = np.asarray(np.isfinite(further).all(axis=1))
    return (study, further) if whole.all() else (study.take(whole), further[whole])


def _both(study: Study, method: Method, wide: Floats) -> tuple[Regression, Regression]:
    if method.name not in WHITENING:
        return study.once(ordinary_fit), least_squares(study.outcome, wide, groups=study.units)
    grid, without = places(study), study.once(autoregressive_fit)
    if study.feedback:
        return without, glsar(study.outcome, wide, ORDER, ITERATIONS, grid, study.feedback, study.units)
    return without, whitened_least_squares(study.outcome, wide, without.rho, grid, study.units)


def _interval(value: float, weights: Floats, fit: Regression, study: Study, method: Method) -> Estimate:
    """The interval of a sum of the outcomes with these weights (m), which is `value`."""
    if not weights.any():
        return Estimate(value, value, value, 1.0)
    if method.name not in WHITENING:
        return estimate(value, weights * honest_residuals(fit), study, fit.rank)
    assert study.times is not None
    rows = np.searchsorted(places(study), fit.positions)
    clusters = None
    if study.units is not None and by_unit(study):
        clusters = np.unique(study.units[rows], return_inverse=True)[1]
    times = closed_up(study.times[rows])
    single = replace(fit, coefficients=np.array([value]), weights=weights[:, None], positions=times)
    return Estimate(*long_run_intervals(single, np.ones((1, 1)), study.window, clusters)[0])
