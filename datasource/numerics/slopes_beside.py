"""Slopes of many treatments, each alone beside the same columns: what they share is fitted once."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr, stdtrit

from datasource.numerics.grid import Floats, Ints, on_grid
from datasource.numerics.hac import Interval, long_run_errors, long_run_terms
from datasource.numerics.regression import whitened


def slopes_beside(
    outcome: Floats,
    columns: Floats,
    treatments: Sequence[Floats],
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
    if not treatments:
        return []
    m, lags = len(treatments), treatments[0].shape[1]
    joint = np.column_stack(treatments)
    own = _without(basis, whitened(joint, rho, positions)[0])
    lengths = np.linalg.norm(own, axis=0)
    moves = lengths > 1e-9 * np.linalg.norm(joint - joint.mean(axis=0), axis=0)
    lengths = np.where(moves, lengths, 1.0)
    own = np.ascontiguousarray((own / lengths).T).reshape(m, lags, -1)
    sizes, directions = np.linalg.eigh(own @ own.transpose(0, 2, 1))
    apart = moves.reshape(m, lags).all(axis=1) & (sizes[:, 0] > 1e-12 * sizes[:, -1])
    scaled = directions / np.where(apart[:, None], sizes, 1.0)[:, None]
    weights = scaled @ directions.transpose(0, 2, 1) @ own
    slopes = weights @ rest
    leverage = (basis * basis).sum(axis=1) + (weights * own).sum(axis=1)
    errors = (rest - (slopes[:, None] @ own)[:, 0]) / np.sqrt(np.maximum(1 - leverage, 1e-6))
    each = 1 / lengths.reshape(m, lags)
    summed = (each[:, None] @ weights)[:, 0]
    values = np.where(apart, (slopes * each).sum(axis=1), np.nan)
    largest = np.abs(summed).max(axis=1, keepdims=True)
    squares = np.where(largest > 0, summed / np.where(largest > 0, largest, 1.0), 1.0) ** 2
    carried = np.minimum(squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1), len(rest) - basis.shape[1] - lags)
    series = on_grid((summed * errors).T, positions[rows]).T
    by_time = long_run_errors(series, window)
    freedom = np.minimum(carried, long_run_terms(series.shape[1], window))
    known = np.isfinite(values) & (freedom >= 2)
    reach = np.where(known, stdtrit(np.where(known, freedom, 2), 0.975) * by_time, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.where(known, 2 * stdtr(freedom, -np.abs(values / by_time)), np.nan)
    table = np.column_stack([values, values - reach, values + reach, p_values]).tolist()
    return [Interval(*row) for row in table]


def _without(basis: Floats, columns: Floats) -> Floats:
    """What the orthonormal `basis` (m, k) leaves of columns (m, ...)."""
    left: Floats = columns - basis @ (basis.T @ columns)
    return left
