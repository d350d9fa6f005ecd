"""One regression: ordinary and generalised least squares, safe on constant and collinear columns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.numerics.grid import Floats, Ints, on_grid
from datasource.numerics.lag_products import LagProducts

_DEPENDENT = 1e-9
"""A column of unit length is dependent when less than this of it is left beside the columns before it."""
_CONSTANT = 1e-13
_WELL = 1e-6
"""The smallest eigenvalue of correlations that are solved by cross products, which lose half of the digits."""


@dataclass(frozen=True)
class Regression:
    """A fitted linear regression of n rows on an intercept and k columns.

    `coefficients` (1 + k, the intercept first) are NaN for columns that depend on those before them.
    `weights` (n, 1 + k) is each row's influence: an error of 1 in row t moves coefficient j by `weights[t, j]`.
    `residuals` (n) and `leverage` (n) belong to the rows as they were regressed, after whitening;
    `positions` (n) are those rows' places on the regular grid. `rho` are the AR coefficients, empty for OLS.
    """

    coefficients: Floats
    weights: Floats
    residuals: Floats
    leverage: Floats
    positions: Ints
    rho: Floats
    rank: int


def least_squares(
    outcome: Floats, columns: Floats, positions: Ints | None = None, groups: Ints | None = None
) -> Regression:
    """Ordinary least squares of `outcome` (n) on an intercept and `columns` (n, k), all finite.

    Never raises on constant or collinear columns: a column that depends on earlier ones gets a NaN coefficient
    and the fit goes on without it, so columns that may be given up go last, or mean that the answer is NaN.

    With `groups` (n, codes) each has an intercept of its own, which is taken out of everything beforehand (Frisch and
    Waugh 1933): slopes, residuals, leverage and rank are those with an indicator a group, the intercept is NaN.
    """
    outcome, columns = within(outcome, groups), within(columns, groups)
    return _fit(outcome, columns, _grid(outcome, positions), np.empty(0), groups=groups)


def glsar(
    outcome: Floats,
    columns: Floats,
    order: int,
    iterations: int = 3,
    positions: Ints | None = None,
    feedback: bool = False,
    groups: Ints | None = None,
) -> Regression:
    """Generalised least squares with AR(`order`) errors, estimated in turn with the coefficients.

    The iteration of statsmodels' `GLSAR(outcome, columns, rho=order).iterative_fit(maxiter=iterations)`: fit,
    Yule-Walker (adjusted) on the residuals, whiten, fit again. `positions` (n, increasing) are the rows' places on
    the regular grid: rows are whitened only with true neighbours, unless gaps leave fewer than half of them.

    With `feedback`, past errors may have moved the columns; then the coefficients and their weights come from a last
    regression with the lagged residuals beside them (Hatanaka 1974), without which intervals are too narrow.
    `groups` are as for `least_squares`.
    """
    outcome, columns = within(outcome, groups), within(columns, groups)
    grid = _grid(outcome, positions)
    rho, _, _ = _autoregression(outcome, columns, order, iterations, grid, groups)
    fit = _fit(outcome, columns, grid, rho, groups=groups)
    if feedback and order and len(outcome) > order:
        errors = _errors(outcome, columns, fit.coefficients)
        past = np.column_stack([np.append(np.zeros(back), errors[:-back]) for back in range(1, order + 1)])
        fit = _fit(outcome, columns, grid, rho, past, groups)
    return fit


def glsar_coefficients(outcome: Floats, columns: Floats, order: int, iterations: int, positions: Ints) -> Floats:
    """The coefficients (1 + k) that `glsar` finds without feedback and groups, at a fraction of its cost."""
    rho, iterated, kept = _autoregression(outcome, columns, order, iterations, positions, None)
    coefficients = np.full(1 + columns.shape[1], np.nan)
    coefficients[np.append(True, kept)] = iterated.coefficients(rho)
    return coefficients


def whitened_least_squares(
    outcome: Floats, columns: Floats, rho: Floats, positions: Ints, groups: Ints | None = None
) -> Regression:
    """Least squares of `outcome` (n) on `columns` (n, k), both whitened by the AR coefficients `rho` that are known.

    Without coefficients it is ordinary least squares. `positions` and `groups` (n) are as for `glsar`, whose last step
    this is.
    """
    return _fit(within(outcome, groups), within(columns, groups), positions, rho, groups=groups)


def within(values: Floats, groups: Ints | None) -> Floats:
    """Values (n, ...) less the mean of their group; as they are without `groups` (n). What is constant becomes 0."""
    if groups is None or not values.size:
        return values
    largest = np.abs(values).max(axis=0)
    codes = np.unique(groups, return_inverse=True)[1]
    scaled = values / np.where(largest > 0, largest, 1.0)
    counts = np.bincount(codes).reshape(-1, *(1,) * (values.ndim - 1))
    sums = np.zeros((len(counts), *values.shape[1:]))
    np.add.at(sums, codes, scaled)
    left: Floats = scaled - (sums / counts)[codes]
    return np.where(np.abs(left).max(axis=0) > _CONSTANT, left * largest, 0.0)


def whitened(values: Floats, rho: Floats, positions: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Values (n, ...) whitened as `glsar` does it, and which of the n rows that leaves."""
    rows = _whitenable(positions, len(rho))
    return _whiten(values, rho)[rows], rows


def _autoregression(
    outcome: Floats, columns: Floats, order: int, iterations: int, grid: Ints, groups: Ints | None
) -> tuple[Floats, "_Iterated", NDArray[np.bool_]]:
    """The AR coefficients that `glsar` ends with, what gave them, and which of the k columns that has."""
    kept = np.ones(columns.shape[1], dtype=bool)
    iterated = _Iterated(outcome, columns, grid, order, groups)
    rho = np.zeros(order)
    last: Floats | None = None
    for _ in range(iterations - 1):
        found = iterated.coefficients(rho)
        its_own = np.isfinite(found[1:])  # what follows from others does so whitened by anything
        if its_own.any() and not its_own.all():
            kept[kept] = its_own
            found, last = found[np.append(True, its_own)], None
            iterated = _Iterated(outcome, columns[:, kept], grid, order, groups)
        if last is not None and _relative_change(last, found) < 1e-4:
            break
        last = found
        rho = iterated.yule_walker(found)
    return rho, iterated, kept


class _Iterated:
    """The coefficients for one autoregression after the other, and the autoregression of what they leave.

    From cross products where these are well conditioned: those of lagged columns, which serve every autoregression,
    where the rows have places of their own.
    """

    def __init__(self, outcome: Floats, columns: Floats, grid: Ints, order: int, groups: Ints | None) -> None:
        self._given = outcome, columns, grid, groups
        self._order = order
        self._joint, shift, scale = _standard(columns, outcome)
        self._shift, self._scale, self._centre, self._spread = (
            shift[:-1],
            scale[:-1],
            float(shift[-1]),
            float(scale[-1]),
        )
        self._moves = bool(np.isfinite(scale).all())
        own_places = groups is None and len(grid) > order and bool((np.diff(grid) > 0).all())
        apart = own_places and bool((grid[order:] - grid[: len(grid) - order] == order).sum() >= len(grid) / 2)
        self._lagged = LagProducts(self._joint, grid, order) if apart and self._moves else None

    def coefficients(self, rho: Floats) -> Floats:
        """The intercept and the slopes (1 + k); NaN where a column depends on those before it."""
        if self._moves:
            for products in self._products(rho):
                solved = self._solved(products)
                if solved is not None:
                    slopes = solved[1:] * self._spread / self._scale
                    return np.append(self._centre + self._spread * solved[0] - slopes @ self._shift, slopes)
        outcome, columns, grid, groups = self._given
        return _fit(outcome, columns, grid, rho, groups=groups).coefficients

    def yule_walker(self, coefficients: Floats) -> Floats:
        """The AR coefficients of the errors that these coefficients leave."""
        outcome, columns, grid, _ = self._given
        if self._lagged is not None and np.isfinite(coefficients).all():
            slopes = coefficients[1:] * self._scale / self._spread
            error = np.concatenate([[0.0], -slopes, [1.0]])
            error[0] = -(self._lagged.pairs[0, 0] @ error) / len(outcome)
            covariance = self._lagged.autocovariances(error)
            if covariance[0] > _WELL:
                return solve_yule_walker(covariance)
        return _yule_walker(_errors(outcome, columns, coefficients), grid, self._order)

    def _products(self, rho: Floats) -> Iterator[Floats]:
        """The products of intercept, columns and outcome, the cheap ones first."""
        if self._lagged is not None and len(rho) == self._order:
            yield self._lagged.whitened(rho)
        grid, groups = self._given[2:]
        rows = _whitenable(grid, len(rho))
        joint = _whiten(self._joint, rho)[rows]
        if groups is not None:
            joint = within(joint[:, 1:], groups[rows])
            joint = np.column_stack([np.full(len(joint), np.sqrt(1 / max(len(joint), 1))), joint])
        if len(joint) > joint.shape[1]:
            yield joint.T @ joint

    def _solved(self, products: Floats) -> Floats | None:
        """The standardised coefficients, None where rounding could make them differ."""
        squares = np.diag(products)[:-1]
        if not (squares > 0).all():
            return None
        lengths = np.sqrt(squares)
        correlations = products[:-1, :-1] / np.outer(lengths, lengths)
        least = 1.0 if self._given[3] is not None else min(float(squares.min()) / len(self._joint), 1.0)
        if least * np.linalg.eigvalsh(correlations)[0] < _WELL:
            return None
        solved: Floats = np.linalg.solve(correlations, products[:-1, -1] / lengths) / lengths
        return solved


def _fit(
    outcome: Floats, columns: Floats, grid: Ints, rho: Floats, past: Floats | None = None, groups: Ints | None = None
) -> Regression:
    """Regress whitened on whitened, and on `past` as it is; the answer is about the intercept and the columns."""
    joint, shift, scale = _standard(columns, outcome)
    shift, scale, centre, spread = shift[:-1], scale[:-1], shift[-1], scale[-1]
    if not np.isfinite(spread):
        spread, joint[:, -1] = 1.0, outcome - centre
    rows = _whitenable(grid, len(rho))
    joint = _whiten(joint, rho)[rows]
    design, target = joint[:, :-1], joint[:, -1]
    n, width = design.shape
    if past is not None:
        design = np.column_stack([design, past[rows] / _location_scale(past.T)[1]])
    taken, inside = 0, np.zeros(n)
    if groups is not None and n:
        design, target = within(design, groups[rows]), within(target, groups[rows])
        counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
        taken, inside = len(counts[2]), 1 / counts[2][counts[1]]
    inverse = _inverse(design)
    kept = _independent(design) if inverse is None else list(range(design.shape[1]))
    coefficients, weights = np.full(width, np.nan), np.zeros((n, design.shape[1]))
    if n <= taken + len(kept) and taken:
        kept = []
    if n == 0 or not kept:
        weights = weights[:, :width]
        return Regression(coefficients, weights, np.full(n, np.nan), np.zeros(n), grid[rows], rho, 0)
    if inverse is not None:
        weights = design @ inverse
        leverage = np.einsum("ij,ij->i", weights, design)
    else:
        q, r = np.linalg.qr(design[:, kept])
        weights[:, kept] = np.linalg.solve(r, q.T).T
        leverage = (q * q).sum(axis=1)
    solved = weights.T @ target
    residuals = (target - design @ solved) * spread
    weights, solved = weights[:, :width], solved[:width]
    weights[:, 1:] /= scale
    weights[:, 0] -= weights[:, 1:] @ shift
    slopes = solved[1:] * spread / scale
    coefficients[1:] = slopes
    coefficients[0] = centre + spread * solved[0] - slopes @ shift
    coefficients[[column for column in range(width) if column not in kept]] = np.nan
    return Regression(coefficients, weights, residuals, leverage + inside, grid[rows], rho, len(kept) + taken)


def _standard(columns: Floats, outcome: Floats) -> tuple[Floats, Floats, Floats]:
    """Ones, columns and outcome (n, 1 + k + 1) of mean 0 and deviation 1, and what was taken away and divided by."""
    rows = np.empty((columns.shape[1] + 2, len(outcome)))  # reductions along rows are several times faster
    rows[0], rows[1:-1], rows[-1] = 1.0, columns.T, outcome
    shift, scale = _location_scale(rows[1:])
    rows[1:] -= shift[:, None]
    rows[1:] /= scale[:, None]
    return rows.T, shift, scale


def _location_scale(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each row (k, n), without overflow; a constant row has infinite scale."""
    largest = np.maximum(rows.max(axis=1, initial=0), -rows.min(axis=1, initial=0))
    largest[largest == 0] = 1.0
    scaled, n = rows / largest[:, None], max(rows.shape[1], 1)
    mean = scaled.sum(axis=1) / n
    scaled -= mean[:, None]
    scale = np.sqrt(np.einsum("ij,ij->i", scaled, scaled) / n)
    scale[scale <= _CONSTANT] = np.inf
    return mean * largest, scale * largest


def _inverse(design: Floats) -> Floats | None:
    """The inverse (k, k) of the products of columns (n, k); None where they are too much alike, or rows too few."""
    n, width = design.shape
    products = design.T @ design
    squares = np.diag(products)
    if n <= width or not (squares > _WELL**2 * n).all():
        return None
    lengths = np.sqrt(squares)
    values, vectors = np.linalg.eigh(products / np.outer(lengths, lengths))
    if not values[0] > _WELL:
        return None
    half = vectors / (lengths[:, None] * np.sqrt(values))
    inverse: Floats = half @ half.T
    return inverse


def _independent(design: Floats) -> list[int]:
    """The columns that do not depend on those before them."""
    lengths = np.sqrt((design * design).sum(axis=0))
    kept = [int(column) for column in np.flatnonzero(lengths > _DEPENDENT * np.sqrt(max(len(design), 1)))]
    if len(design) <= len(kept):
        return []
    triangle: Floats = np.asarray(np.linalg.qr(design[:, kept] / lengths[kept], mode="r"))
    places = np.arange(len(kept))
    while len(places):
        dependent = np.flatnonzero(np.abs(np.diag(np.linalg.qr(triangle[:, places], mode="r"))) < _DEPENDENT)
        if not len(dependent):
            break
        places = np.delete(places, dependent[0])
    return [kept[place] for place in places.tolist()]


def _grid(outcome: Floats, positions: Ints | None) -> Ints:
    return np.arange(len(outcome), dtype=np.int64) if positions is None else positions


def _whitenable(grid: Ints, order: int) -> NDArray[np.bool_]:
    """The rows whose `order` predecessors are there."""
    rows = np.zeros(len(grid), dtype=bool)
    rows[order:] = grid[order:] - grid[: len(grid) - order] == order
    if rows.sum() < len(grid) / 2:
        rows[order:] = True
    return rows


def _whiten(values: Floats, rho: Floats) -> Floats:
    whitened = values.copy()
    for back, coefficient in enumerate(rho, 1):
        whitened[back:] -= coefficient * values[:-back]
    return whitened


def _errors(outcome: Floats, columns: Floats, coefficients: Floats) -> Floats:
    known = np.isfinite(coefficients[1:])
    errors: Floats = outcome - np.nan_to_num(coefficients[0]) - columns[:, known] @ coefficients[1:][known]
    return errors


def _yule_walker(errors: Floats, grid: Ints, order: int) -> Floats:
    """AR coefficients of a series by the Yule-Walker equations, autocovariances averaged over the pairs there are."""
    centred = errors - errors.sum() / max(len(errors), 1)
    largest = np.abs(centred).max(initial=0)
    if not largest > 0:
        return np.zeros(order)
    series, there = on_grid(centred / largest, grid), on_grid(np.ones(len(grid)), grid)
    covariance = np.zeros(order + 1)
    for lag in range(min(order, len(series) - 1) + 1):
        late, early = slice(lag, None), slice(None, len(series) - lag)
        covariance[lag] = (series[late] * series[early]).sum() / max((there[late] * there[early]).sum(), 1)
    return solve_yule_walker(covariance)


def solve_yule_walker(covariance: Floats) -> Floats:
    """The AR coefficients (order) of autocovariances (order + 1)."""
    order = len(covariance) - 1
    toeplitz = covariance[np.abs(np.subtract.outer(np.arange(order), np.arange(order)))]
    try:
        return np.asarray(np.linalg.solve(toeplitz, covariance[1:]), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros(order)


def _relative_change(before: Floats, after: Floats) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nanmax(np.abs(before - after) / np.abs(before), initial=0))
