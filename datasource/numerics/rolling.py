"""One regression over many windows of the same rows at once: GLSAR with equal-weighted cosines.

The windows share their products: sums of z z' between window ends are taken once and added up. Everything after is
algebra on small matrices, and one pass over each window's rows for the interval.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasource.numerics.grid import Floats, Ints
from datasource.numerics.hac import long_run_errors, long_run_terms
from datasource.numerics.window_sums import SAFE, Solved, WindowSums, iterate, solve, sum_products, whitened_design


class RollingIntervals(NamedTuple):
    """By window (m): value, 95% interval and p-value (m, 4), and where they are `exact`: elsewhere they are NaN."""

    table: Floats
    exact: NDArray[np.bool_]


def rolling_glsar(
    outcome: Floats,
    columns: Floats,
    complete: NDArray[np.bool_],
    windows: Ints,
    contrast: Floats,
    order: int,
    iterations: int,
    window: int = 1,
    feedback: bool = False,
) -> RollingIntervals:
    """What `glsar` and `long_run_intervals` answer for `contrast` (k, of the columns) over each of `windows` (m, 2).

    A window is (first, last) and holds the rows first ... last - 1 of `outcome` (n) and `columns` (n, k) that are
    `complete` (n); rows are places on the regular grid. Equal to 1e-8; where rounding could make it less (nearly
    collinear or constant columns, a nearly perfect fit, mostly missing rows), the window is not `exact`.
    """
    table, exact = np.full((len(windows), 4), np.nan), np.zeros(len(windows), dtype=bool)
    usable = np.flatnonzero(windows[:, 1] - windows[:, 0] > 2 * order + columns.shape[1])
    if not complete.any() or not len(usable):
        return RollingIntervals(table, exact)
    joint = np.column_stack([columns, outcome])
    largest = np.abs(joint[complete]).max(axis=0)
    largest[~(largest > 0)] = 1.0
    shift = (joint[complete] / largest).mean(axis=0) * largest
    scale = (joint[complete] / largest).std(axis=0) * largest
    moving = scale > SAFE * largest
    if not moving.all():
        return RollingIntervals(table, exact)
    z = np.zeros((len(outcome), len(shift) + 1))
    z[complete, 0] = 1
    z[complete, 1:] = (joint[complete] - shift) / scale
    lagged = np.zeros((len(z), order + 1, z.shape[1]))
    for lag in range(order + 1):
        lagged[lag:, lag] = z[: len(z) - lag]
    whole = np.all(lagged[:, :, 0] > 0, axis=1)
    for part in range(0, len(usable), 64):
        chosen = usable[part : part + 64]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            sums, good = sum_products(z, lagged, whole, windows[chosen], order)
            rho, coefficients, converged = iterate(sums, iterations, shift, scale)
            solved = solve(whitened_design(rho, coefficients, feedback), sums)
            good &= converged & solved.good
        kept = np.flatnonzero(good)
        exact[chosen[kept]] = True
        by_length: dict[int, list[tuple[int, Floats]]] = defaultdict(list)
        for place in kept.tolist():
            here = int(chosen[place])
            value, scores, freedom = _scores(z, whole, windows[here], sums, solved, place, contrast, scale, order)
            terms = long_run_terms(len(scores), window)
            table[here, [0, 2]] = value, min(freedom, terms)
            by_length[len(scores)].append((here, scores))
        for alike in by_length.values():
            stacked = np.array([scores for _, scores in alike])
            table[[here for here, _ in alike], 1] = long_run_errors(stacked, window)
    _finish(table)
    return RollingIntervals(table, exact)


def _scores(
    z: Floats,
    whole: NDArray[np.bool_],
    window: Ints,
    sums: WindowSums,
    solved: Solved,
    place: int,
    contrast: Floats,
    scale: Floats,
    order: int,
) -> tuple[float, Floats, float]:
    """Value, leverage corrected scores by place, and degrees of freedom by Satterthwaite, of one window."""
    d = z.shape[1]
    begin, end = int(window[0]) + order, int(window[1])
    there = whole[begin:end]
    first, last = int(np.argmax(there)), len(there) - int(np.argmax(there[::-1]))
    rows = slice(begin + first, begin + last)
    there = there[first:last]
    spread = sums.scale[place] * scale
    wanted = np.zeros(solved.inverse.shape[1])
    wanted[1 : d - 1] = contrast / spread[:-1]
    inverse, coefficients = solved.inverse[place], solved.coefficients[place]
    design = _design(z[rows.start - order : rows.stop] @ sums.basis[place].T, solved.design[place])
    design *= there[:, None]
    columns = design[:, :-1]
    weights = columns @ (inverse @ (inverse.T @ wanted))
    errors = (design[:, -1] - columns @ coefficients) * spread[-1]
    rotated = columns @ inverse
    leverage = np.einsum("tw,tw->t", rotated, rotated)
    scores = weights * errors / np.sqrt(np.maximum(1 - leverage, 1e-6))
    squares = (weights / np.abs(weights).max()) ** 2
    freedom = min(squares.sum() ** 2 / (squares**2).sum(), there.sum() - len(wanted))
    return float(wanted @ coefficients) * spread[-1], scores, float(freedom)


def _design(standard: Floats, combination: Floats) -> Floats:
    """Columns (n, w) as the sums of lagged columns `standard` (n + order, d) that `whitened_design` describes."""
    order, d = combination.shape[0] - 1, standard.shape[1]
    n = len(standard) - order
    white = sum(weight * standard[order - lag : order - lag + n] for lag, weight in enumerate(combination[:, -1, -1]))
    past = combination.shape[2] - d
    if not past:
        return np.asarray(white)
    errors = standard @ combination[1, :, d - 1]
    late = [errors[order - back : order - back + n] for back in range(1, past + 1)]
    return np.column_stack([white[:, :-1], *late, white[:, -1]])


def _finish(table: Floats) -> None:
    """Turn value, error and degrees of freedom into value, interval and p-value, in place."""
    value, error, freedom = table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = stats.t.ppf(0.975, freedom) * error
        table[:, 1], table[:, 2] = value - reach, value + reach
        table[:, 3] = 2 * stats.t.sf(np.abs(value) / error, freedom)
    table[freedom < 2, 1:] = np.nan
