"""From influence values to an interval that is right for how the rows came about."""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from datasource.data import Floats
from datasource.effects.result import Estimate
from datasource.effects.study import Study
from datasource.numerics import LONG, SHARED, long_run_covariance, long_run_terms, on_grid, summed

MANY_UNITS = 20
"""From so many units on, they can be the clusters."""
FEW_TIMES = 12
"""With fewer times than this, nothing can be said of how rows hang together over time."""


class Covariance(NamedTuple):
    """The covariance (m, m) of m estimates, the degrees of freedom it is known with, and how many rows it is worth."""

    matrix: Floats
    freedom: float
    independent: float


def estimate(value: float, influence: Floats, study: Study, parameters: int = 1) -> Estimate:
    """The 95% interval and p-value of an estimate from its influence values (n): value - truth is about their sum.

    The error is that of `covariance`; quantiles are Student's t, whose degrees of freedom shrink where few rows carry
    the answer. `benchmarks/README.md` has how many of the intervals of each estimator hold the truth.
    """
    if not np.isfinite(value) or len(influence) <= parameters or not np.isfinite(influence).all():
        return Estimate(value, np.nan, np.nan)
    unit = float(np.abs(influence).max()) or 1.0
    squares = (influence / unit) ** 2
    carried = float(squares.sum() ** 2 / (squares**2).sum()) if squares.any() else 0.0
    found = covariance(influence[:, None] / unit, study, parameters)
    return from_error(value, unit * float(np.sqrt(found.matrix[0, 0])), min(found.freedom, carried))


def covariance(influence: Floats, study: Study, parameters: int = 1) -> Covariance:
    """The covariance of m estimates from their influence values (n, m), each of about 1 in size.

    Independent rows: heteroscedasticity robust (HC1). One series, or few units over time: `long_run_covariance` of
    the influence by time, which forgives autocorrelation; units of the same time are summed first (Driscoll and Kraay
    1998). 20 units or more, or fewer than 12 times that several units share: clustered by unit (Liang and Zeger 1986),
    or by time where there are 30 times and that is a quarter wider: units then share something. `parameters` is how
    many numbers were fitted; what they cost is counted against the number of independent rows that the autocorrelation
    leaves.
    """
    n = len(influence)
    found = Covariance(influence.T @ influence, float(n - parameters), float(n))
    if by_unit(study):
        found = _clustered(influence, study)
    elif study.times is not None and not _few_times(study):
        found = _over_time(influence, study)
    room = found.independent - parameters
    correction = max(found.independent / max(room, found.independent / 3), n / max(n - parameters, 1))
    return found._replace(matrix=found.matrix * correction)


def by_unit(study: Study) -> bool:
    """Whether the units are the clusters: there are many, or several share too few times."""
    return study.units is not None and (
        study.unit_count >= MANY_UNITS or (study.unit_count > 1 and study.times is not None and _few_times(study))
    )


def _few_times(study: Study) -> bool:
    """Whether several rows share each of few times."""
    assert study.times is not None
    distinct = len(np.unique(study.times))
    return distinct < min(FEW_TIMES, study.n)


def _clustered(influence: Floats, study: Study) -> Covariance:
    assert study.units is not None
    sums = summed(influence, np.unique(study.units, return_inverse=True)[1].astype(np.int64))
    units = len(sums)
    found = Covariance(sums.T @ sums * units / (units - 1), float(units - 1), float(study.n))
    if study.times is None or len(np.unique(study.times)) < LONG:
        return found
    shared = _over_time(influence, study)
    wider = np.trace(shared.matrix) > SHARED**2 * np.trace(found.matrix)
    return shared._replace(independent=float(study.n)) if wider else found


def _over_time(influence: Floats, study: Study) -> Covariance:
    assert study.times is not None
    series = on_grid(influence, study.times).T
    matrix = long_run_covariance(series, study.window)
    squares, variances = (influence**2).sum(axis=0), np.diag(matrix)
    worth = (squares[variances > 0] / variances[variances > 0]).min(initial=1.0)
    return Covariance(matrix, float(long_run_terms(series.shape[1], study.window)), float(len(influence) * worth))


def from_error(value: float, error: float, freedom: float) -> Estimate:
    """The interval and p-value of an estimate with a standard error and Student's t; NaN below one freedom."""
    return from_errors(np.array([value]), np.array([error]), freedom)[0]


def from_errors(values: Floats, errors: Floats, freedoms: Floats | float) -> list[Estimate]:
    """95% intervals and p-values (m) of many estimates at once."""
    reaches = errors * reach(freedoms)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = 2 * stdtr(freedoms, -np.where(values == 0, 0.0, np.abs(values / errors)))
    p_values = np.where(np.isfinite(reaches), p_values, np.nan)
    rows = np.column_stack([values, values - reaches, values + reaches, p_values]).tolist()
    return [Estimate(*row) for row in rows]


def reach(freedoms: Floats | float) -> Floats:
    """How many standard errors a 95% interval reaches to each side; NaN below one degree of freedom."""
    known = np.asarray(freedoms, dtype=np.float64)
    found: Floats = np.where(known >= 1, stdtrit(np.maximum(known, 1), 0.975), np.nan)
    return found
