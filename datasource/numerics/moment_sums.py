"""Sums over the rows of a block of series, from which every regression among its columns follows with its errors.

The scores of a regression, a column times a residual, are combinations of the products of any two columns. So it is
enough to know of each block the products' sums and their long-run covariance: blocks can be joined, compared and left
out without their rows. Proved equal to regressions on the rows by `tests/numerics/test_moment_sums.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.numerics.grid import Floats, Ints, on_grid
from datasource.numerics.hac import Interval, cosine_sums, interval
from datasource.numerics.lag_products import LagProducts
from datasource.numerics.regression import solve_yule_walker, whitened

_ALIKE = 1e-10
"""The smallest eigenvalue of the correlations of columns that a regression can tell apart."""


class MomentError(ValueError):
    """These sums cannot answer the question; the text says why."""


@dataclass(frozen=True)
class MomentSums:
    """Sums over the rows of a block, of a constant (place 0) and d columns, less `location` (d), over `scale` (d).

    count: rows whose predecessors are there, which the sums are of.
    products: (1 + d, 1 + d), the sums of products of any two columns, whitened.
    cosines: (p, p), the long-run covariance of the sums of the p = (1 + d)(2 + d) / 2 products, in the order of
        `np.triu_indices`, by equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018).
    terms: how many cosines, which are the degrees of freedom.
    lagged: (order + 1, 1 + d, 1 + d), sums of products of columns with columns that many steps before, not whitened.
    pairs: (order + 1), over how many rows these are summed.
    """

    count: int
    location: Floats
    scale: Floats
    products: Floats
    cosines: Floats
    terms: int
    lagged: Floats
    pairs: Ints


def moment_sums(
    columns: Floats, positions: Ints, whitening: Sequence[float] | Floats = (), window: int = 1, order: int = 5
) -> MomentSums:
    """The sums over rows `columns` (n, d), all finite, at `positions` (n, increasing) on a regular grid.

    Rows are whitened by the autoregression `whitening`; neighbours that share a `window` are correlated at least that
    far. Raises MomentError for fewer rows than 3 (1 + d).
    """
    n, width = columns.shape
    if n - len(whitening) < 3 * (1 + width):
        raise MomentError(f"{n} complete rows; {3 * (1 + width) + len(whitening)} are needed for {width} columns")
    location, spread = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(spread > 1e-12 * np.maximum(np.abs(location), 1e-300), spread, 1.0)
    joint = np.column_stack([np.ones(n), (columns - location) / scale])
    lags = LagProducts(joint, positions, order)
    rows, kept = whitened(joint, np.asarray(whitening, dtype=np.float64), positions)
    i, j = _triangle(1 + width)
    scores = on_grid(rows[:, i] * rows[:, j], positions[kept]).T
    waves = cosine_sums(scores, cosines_of(scores.shape[1], window))
    return MomentSums(
        len(rows),
        location,
        scale,
        rows.T @ rows,
        2 * waves @ waves.T / waves.shape[1],
        waves.shape[1],
        lags.pairs,
        np.asarray(lags.counts, dtype=np.int64),
    )


def cosines_of(n: int, window: int = 1) -> int:
    """How many cosines: the 0.4 n^(2/3) of Lazarus and others, as scores of whitened rows hardly hang together; fewer
    where neighbours share a `window`, and at least 2."""
    return max(2, min(int(0.4 * n ** (2 / 3)), n // max(1, 2 * window)))


@dataclass(frozen=True)
class Joined:
    """A regression of one column on k others over all rows of several blocks.

    slopes: (k) in the columns' own units; level: the intercept where all blocks share one, else NaN.
    rows: how many they are. variance: the mean square of what is left, in squared units of the standardised outcome;
        variance_error: its standard error.
    coefficients: standardised, the level first where all blocks share one; covariance: theirs, by equal-weighted
        cosines; freedom: what that is known with (Satterthwaite's, over the blocks).
    """

    slopes: Floats
    level: float
    rows: int
    variance: float
    variance_error: float
    coefficients: Floats
    covariance: Floats
    freedom: float
    _by_block: Floats
    _gains: tuple[Floats, ...]
    _inverse: Floats
    _terms: Floats
    _units: Floats

    @property
    def terms(self) -> float:
        """Cosines of all blocks."""
        return float(self._terms.sum())

    def interval(self, place: int) -> Interval:
        """The slope of a column."""
        return self.combined(np.eye(len(self.slopes))[place])

    def combined(self, weights: Floats) -> Interval:
        """A combination (k) of slopes, by Student's t."""
        own = self._own(weights)
        parts = np.einsum("i,bij,j->b", own, self._by_block, own)
        error = float(np.sqrt(max(parts.sum(), 0.0)))
        return interval(float(weights @ self.slopes), error, satterthwaite(parts, self._terms))

    def variance_of(self, weights: Floats) -> float:
        """The variance of a combination of slopes, by equal-weighted cosines."""
        own = self._own(weights)
        return float(own @ self.covariance @ own)

    def price(self, weights: Floats, added: Sequence[float]) -> float:
        """How much wider the interval of a combination of slopes is by noise that was added to the sums of products: of
        this variance in each, by block. At least what it would be for independent rows is taken to be there anyway."""
        own, variance = self._own(weights), self.variance_of(weights)
        noise = sum(one * float(((own @ gain) ** 2).sum()) for one, gain in zip(added, self._gains, strict=True))
        least = self.variance * float(own @ self._inverse @ own)
        clear = max(variance - noise, least, 1e-300)
        return float(np.sqrt(1 + noise / clear))

    def _own(self, weights: Floats) -> Floats:
        """What makes the same of the standardised coefficients."""
        return np.concatenate([np.zeros(len(self.coefficients) - len(self.slopes)), weights * self._units])


def satterthwaite(variances: Floats, freedoms: Floats) -> float:
    """The degrees of freedom of a sum of variances (m), each known with some; at least 1."""
    total = float((variances**2 / freedoms).sum())
    return max(float(variances.sum() ** 2 / total), 1.0) if total > 0 else float(max(freedoms.sum(), 1.0))


def regress(
    blocks: Sequence[MomentSums],
    outcome: int,
    columns: Sequence[int],
    own_levels: bool = True,
    like: Sequence[MomentSums] = (),
    clustered: bool = False,
    weights: Sequence[float] | None = None,
) -> Joined:
    """Least squares of the column `outcome` on others over all rows of the blocks, whose errors are independent.

    With `own_levels` each block has its own intercept (Frisch and Waugh 1933), else they share one. Columns are
    standardised as those of the blocks `like`, or of these. `clustered` says that the blocks are stretches of one
    series: then errors come from how far the blocks differ (Liang and Zeger 1986), which forgives whatever hangs
    together within one. `weights` say how much the rows of each block count, 1 without. Raises MomentError for columns
    that are alike.
    """
    if not blocks:
        raise MomentError("no data are left")
    centre, spread = _common(like or blocks)
    places = np.array([1 + column for column in columns] if own_levels else [0, *(1 + c for c in columns)], dtype=int)
    designs, targets = [], []
    for block in blocks:
        basis = _basis(block, centre, spread)
        if own_levels:
            basis = _within(basis, block.products)
        designs.append(basis[places])
        targets.append(basis[1 + outcome])
    normal, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    counting = [1.0] * len(blocks) if weights is None else list(weights)
    for A, y, block, weight in zip(designs, targets, blocks, counting, strict=True):
        normal += weight * A @ block.products @ A.T
        right += weight * A @ block.products @ y
    inverse = _inverse(normal)
    solved = inverse @ right
    rows = sum(block.count for block in blocks)
    factor = rows / max(rows - len(columns) - (len(blocks) if own_levels else 1), 1)
    left = [y - solved @ A for A, y in zip(designs, targets, strict=True)]
    squares = np.array([one @ block.products @ one for one, block in zip(left, blocks, strict=True)])
    parts = _clusters if clustered else _long_runs
    counted = [weight * A for A, weight in zip(designs, counting, strict=True)]
    by_block, moved, terms = parts(counted, left, blocks, squares, squares.sum() / rows)
    gains = tuple(inverse @ _scores(A, one) for A, one in zip(counted, left, strict=True))
    by_block = factor * inverse @ by_block @ inverse.T
    units = np.array([spread[outcome] / spread[column] for column in columns])
    slopes = solved[len(solved) - len(columns) :] * units
    level = float("nan")
    if not own_levels:
        level = float(centre[outcome] + spread[outcome] * solved[0] - slopes @ centre[list(columns)])
    return Joined(
        slopes,
        level,
        rows,
        float(squares.sum()) / rows,
        float(np.sqrt(moved)) / rows,
        solved,
        by_block.sum(axis=0),
        satterthwaite(np.trace(by_block, axis1=1, axis2=2), terms),
        by_block,
        gains,
        inverse,
        terms,
        units,
    )


def _long_runs(
    designs: Sequence[Floats], left: Sequence[Floats], blocks: Sequence[MomentSums], _squares: Floats, _variance: float
) -> tuple[Floats, float, Floats]:
    """The covariance of the scores' sums by block, the variance of the sum of squares, and the degrees of freedom by
    block."""
    by_block, moved = [], 0.0
    for A, one, block in zip(designs, left, blocks, strict=True):
        scores = _scores(A, one)
        by_block.append(scores @ block.cosines @ scores.T)
        square = _pair(one, one)
        moved += max(float(square @ block.cosines @ square), 0.0)
    return np.array(by_block), moved, np.array([float(block.terms) for block in blocks])


def _clusters(
    designs: Sequence[Floats], left: Sequence[Floats], blocks: Sequence[MomentSums], squares: Floats, variance: float
) -> tuple[Floats, float, Floats]:
    """As `_long_runs`, with the blocks as clusters."""
    count = len(blocks)
    sums = np.array([A @ block.products @ one for A, one, block in zip(designs, left, blocks, strict=True)])
    covariance = sums.T @ sums * count / max(count - 1, 1)
    gaps = squares - variance * np.array([block.count for block in blocks])
    return covariance[None], float(gaps @ gaps) * count / max(count - 1, 1), np.array([count - 1.0])


def autoregression(blocks: Sequence[MomentSums], outcome: int, columns: Sequence[int]) -> Floats:
    """The autoregression of what a regression leaves, one for all blocks (Yule and Walker), which have own levels.

    It is the `whitening` that the blocks' sums are asked for next: the first step of generalised least squares.
    """
    found = regress(blocks, outcome, columns)
    centre, spread = _common(blocks)
    sums, pairs = np.zeros(len(blocks[0].pairs)), np.zeros(len(blocks[0].pairs))
    for block in blocks:
        basis = _basis(block, centre, spread)
        left = basis[1 + outcome] - found.coefficients @ basis[[1 + column for column in columns]]
        left = _within(left[None], block.lagged[0])[0]
        sums = sums + np.einsum("a,lab,b->l", left, block.lagged, left)
        pairs = pairs + block.pairs
    return solve_yule_walker(sums / np.maximum(pairs, 1))


class Difference(NamedTuple):
    """Whether two numbers, or several, are the same: `p_value` of the hypothesis that they are, and `score`, the
    statistic's root over what it would be at the significance that was asked for: above 1 they differ."""

    p_value: float
    score: float


SAME = Difference(1.0, 0.0)


def coefficient_difference(one: Joined, other: Joined, level: float) -> Difference:
    """Between the standardised coefficients of two fits of independent rows: Hotelling's T^2."""
    size = len(one.coefficients)
    traces = np.array([np.trace(one.covariance), np.trace(other.covariance)])
    freedom = satterthwaite(traces, np.array([one.freedom, other.freedom]))
    below = freedom - size + 1
    if not size or below < 1:
        return SAME
    gap = one.coefficients - other.coefficients
    squared = float(gap @ np.linalg.pinv(one.covariance + other.covariance, hermitian=True) @ gap)
    ratio = max(squared, 0.0) * below / (freedom * size)
    return Difference(float(stats.f.sf(ratio, size, below)), float(np.sqrt(ratio / stats.f.isf(level, size, below))))


def slope_difference(one: Joined, other: Joined, place: int, level: float) -> Difference:
    """Between one slope of two fits of independent rows, or at -1 their level at the mean of all columns: Welch's t."""
    number = place + len(one.coefficients) - len(one.slopes)
    parts = np.array([one.covariance[number, number], other.covariance[number, number]])
    gap = float(one.coefficients[number] - other.coefficients[number])
    return _welch(gap, parts, np.array([one.freedom, other.freedom]), level)


def combination_difference(one: Joined, other: Joined, weights: Floats, level: float) -> Difference:
    """Between one combination (k) of the slopes of two fits of independent rows: Welch's t."""
    parts = np.array([fit.variance_of(weights) for fit in (one, other)])
    return _welch(float(weights @ (one.slopes - other.slopes)), parts, np.array([one.freedom, other.freedom]), level)


def _welch(gap: float, variances: Floats, freedoms: Floats, level: float) -> Difference:
    if not variances.sum() > 0:
        return SAME
    freedom = satterthwaite(variances, freedoms)
    ratio = abs(gap) / float(np.sqrt(variances.sum()))
    return Difference(float(2 * stats.t.sf(ratio, freedom)), float(ratio / stats.t.isf(level / 2, freedom)))


def noise_difference(one: Joined, other: Joined, level: float) -> Difference:
    """Between the logarithms of what two fits of independent rows leave: by the delta method and Student's t."""
    fits = (one, other)
    if not min(fit.variance for fit in fits) > 0:
        return SAME
    errors = np.array([(fit.variance_error / fit.variance) ** 2 for fit in fits])
    return _welch(float(np.log(one.variance / other.variance)), errors, np.array([fit.terms for fit in fits]), level)


def correlations(blocks: Sequence[MomentSums]) -> Floats:
    """Of every two columns (d, d) over all rows, each block less its own level."""
    centre, spread = _common(blocks)
    width = len(centre)
    total = np.zeros((width, width))
    for block in blocks:
        rows = _within(_basis(block, centre, spread)[1:], block.products)
        total += rows @ block.products @ rows.T
    lengths = np.sqrt(np.maximum(np.diag(total), 1e-300))
    found: Floats = total / np.outer(lengths, lengths)
    return found


def _triangle(width: int) -> tuple[Ints, Ints]:
    i, j = np.triu_indices(width)
    return np.asarray(i, dtype=np.int64), np.asarray(j, dtype=np.int64)


def _scores(design: Floats, left: Floats) -> Floats:
    """What makes, of the products of any two columns, those of each row of a design with what is left (k, p)."""
    return np.array([_pair(row, left) for row in design]).reshape(len(design), len(left) * (len(left) + 1) // 2)


def _pair(one: Floats, other: Floats) -> Floats:
    """What makes, of the products of any two columns, the product of two combinations of columns."""
    i, j = _triangle(len(one))
    found: Floats = np.where(i == j, one[i] * other[j], one[i] * other[j] + one[j] * other[i])
    return found


def _common(blocks: Sequence[MomentSums]) -> tuple[Floats, Floats]:
    """A location and a scale (d) for all of the blocks."""
    counts = np.array([block.count for block in blocks], dtype=np.float64)
    centre: Floats = counts @ np.array([block.location for block in blocks]) / counts.sum()
    spread: Floats = np.sqrt(counts @ np.array([block.scale**2 for block in blocks]) / counts.sum())
    return centre, spread


def _basis(block: MomentSums, centre: Floats, spread: Floats) -> Floats:
    """A constant and the columns, standardised by centre and spread, as combinations of the block's own (1 + d)."""
    found = np.diag(np.append(1.0, block.scale / spread))
    found[1:, 0] = (block.location - centre) / spread
    return found


def _within(rows: Floats, products: Floats) -> Floats:
    """Combinations (m, 1 + d) less their mean in the block."""
    found = rows.copy()
    found[:, 0] -= rows @ products[:, 0] / products[0, 0]
    return found


def _inverse(normal: Floats) -> Floats:
    if not len(normal):
        return normal
    lengths = np.sqrt(np.maximum(np.diag(normal), 0.0))
    if not (lengths > 0).all():
        raise MomentError("a column never moves")
    values, vectors = np.linalg.eigh(normal / np.outer(lengths, lengths))
    if values[0] < _ALIKE:
        raise MomentError("columns cannot be told apart, or one never moves")
    half = vectors / (lengths[:, None] * np.sqrt(values))
    found: Floats = half @ half.T
    return found
