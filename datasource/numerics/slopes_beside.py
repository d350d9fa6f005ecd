"""Slopes of many treatments, each alone beside the same columns: what they share is fitted once."""

from collections.abc import Iterable

import numpy as np
from scipy.special import stdtr, stdtrit

from datasource.numerics.grid import Floats, Ints, on_grid
from datasource.numerics.hac import Interval, ewc_terms, long_run_errors
from datasource.numerics.regression import whitened


def slopes_beside(
    outcome: Floats,
    columns: Floats,
    treatments: Iterable[Floats],
    rho: Floats,
    positions: Ints,
    window: int = 1,
) -> list[Interval]:
    """The summed slopes of each of `treatments` (n, l) on `outcome` (n) beside `columns` (n, k), with 95% intervals.

    All are whitened by the AR coefficients `rho`; `positions` (n) are the rows' places. The numbers are those of
    `whitened_least_squares` and `long_run_intervals` one treatment at a time, by Frisch and Waugh's theorem. NaN where
    a treatment follows from the columns.
    """
    shared, rows = whitened(np.column_stack([np.ones(len(outcome)), columns]), rho, positions)
    lengths = np.linalg.norm(shared, axis=0)
    left, sizes, _ = np.linalg.svd(shared / np.where(lengths > 0, lengths, 1.0), full_matrices=False)
    basis = left[:, sizes > 1e-9 * sizes.max(initial=0)]
    rest = _without(basis, whitened(outcome, rho, positions)[0])
    taken, places = (basis * basis).sum(axis=1), positions[rows]
    values, scores, carried = [], [], []
    for treatment in treatments:
        own = _without(basis, whitened(treatment, rho, positions)[0])
        scale = np.linalg.norm(own, axis=0)
        whole = np.linalg.norm(treatment - treatment.mean(axis=0), axis=0)
        if not (scale > 1e-9 * whole).all() or np.linalg.cond(own / scale) > 1e8:
            values.append(np.nan)
            scores.append(np.zeros(len(rest)))
            carried.append(np.nan)
            continue
        weights = own @ np.linalg.inv(own.T @ own)
        slopes = weights.T @ rest
        leverage = taken + (weights * own).sum(axis=1)
        errors = (rest - own @ slopes) / np.sqrt(np.maximum(1 - leverage, 1e-6))
        summed = weights.sum(axis=1)
        squares = (summed / np.abs(summed).max()) ** 2
        values.append(float(slopes.sum()))
        scores.append(summed * errors)
        carried.append(float(min(squares.sum() ** 2 / (squares**2).sum(), len(rest) - basis.shape[1] - own.shape[1])))
    if not values:
        return []
    series = on_grid(np.array(scores).T, places).T
    errors_ = long_run_errors(series, window)
    freedom = np.minimum(carried, ewc_terms(series.shape[1], window))
    known = np.isfinite(values) & (freedom >= 2)
    reach = np.where(known, stdtrit(np.where(known, freedom, 2), 0.975) * errors_, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.where(known, 2 * stdtr(freedom, -np.abs(np.array(values) / errors_)), np.nan)
    table = np.column_stack([values, np.array(values) - reach, np.array(values) + reach, p_values]).tolist()
    return [Interval(*row) for row in table]


def _without(basis: Floats, columns: Floats) -> Floats:
    """What the orthonormal `basis` (m, k) leaves of columns (m, ...)."""
    left: Floats = columns - basis @ (basis.T @ columns)
    return left
