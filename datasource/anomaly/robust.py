"""Least squares on data that may hold incidents: they are found and left out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import CONDITION, CUT, ROUNDS
from datasource.data import Floats

_SINGULAR = 1e-8
"""Added to the diagonal, so that what cannot be told apart is solved all the same."""
_STILL = 1e-6
"""A column whose variance falls below this share when rows are left out does not move any more."""


class Fit(NamedTuple):
    """`coefficients` (k), which rows were `kept` (n), and of every row what is `expected` (n) by a fit on other parts
    of the time."""

    coefficients: Floats
    kept: NDArray[np.bool_]
    expected: Floats


class Bounds(NamedTuple):
    """The smallest and the largest each coefficient (k) may be."""

    lower: Floats
    upper: Floats


def robust_least_squares(
    X: Floats,
    y: Floats,
    parts: NDArray[np.int64],
    lasting: int,
    weights: Floats | None = None,
    bounds: Bounds | None = None,
) -> Fit:
    """Fit y (n) on X (n, k); `parts` (n) numbers the parts of the time from 0, `weights` (n) count rows.

    Rows whose residual is beyond 5 robust standard deviations are left out, in rounds; where most rows have one and the
    same value, those are that have another one `lasting` rows in a row. A column that does not move in the rows that
    are kept has no coefficient. What is expected of a row comes from the coefficients without its part of the time, so
    that residuals are as large as those to come.
    """
    # Columns in one piece: nearly all that follows goes along them.
    columns = np.ascontiguousarray(X.T)
    scales = np.maximum(np.abs(columns).max(axis=1), 1e-300)
    Z = (columns / scales[:, None]).T
    limits = None if bounds is None else Bounds(bounds.lower * scales, bounds.upper * scales)
    kept = np.ones(y.size, dtype=np.bool_)
    rare = _mostly_one_value(y)
    if rare:
        values, counts = np.unique(y, return_counts=True)
        quiet = ~_in_long_runs(y != values[counts.argmax()], lasting)
        kept = quiet if quiet.sum() >= y.size // 2 else kept
    whole = _Normal.of(Z, y, weights)
    used = np.ones(X.shape[1], dtype=np.bool_)
    coefficients = np.zeros(X.shape[1])
    for _ in range(ROUNDS):
        out = ~kept
        normal = whole
        if out.any():
            normal = whole.less(_Normal.of(Z[out], y[out], None if weights is None else weights[out]))
        used = normal.moving(whole)
        coefficients = normal.solve(used, limits, _Rows(Z, y, weights, kept))
        residuals = y - Z @ coefficients
        center = median(residuals)
        scale = 1.4826 * median(np.abs(residuals - center))
        if rare or scale <= 0:
            break
        now = np.abs(residuals - center) <= CUT * scale
        if now.sum() < max(2 * X.shape[1], y.size // 2) or np.array_equal(now, kept):
            break
        kept = now
    root = kept.astype(np.float64) if weights is None else np.sqrt(weights) * kept
    expected = _by_the_others(Z if used.all() else Z * used, y, root, parts, coefficients, limits)
    return Fit(coefficients / scales, kept, expected)


class _Rows(NamedTuple):
    """Columns (n, k), values, weights, and which rows are `kept`."""

    Z: Floats
    y: Floats
    weights: Floats | None
    kept: NDArray[np.bool_]


class _Normal(NamedTuple):
    """The normal equations of weighted rows: Z'WZ (k, k), Z'Wy (k), and the sum of weights."""

    gram: Floats
    right: Floats
    total: float

    @classmethod
    def of(cls, Z: Floats, y: Floats, weights: Floats | None) -> "_Normal":
        if weights is None:
            return cls(Z.T @ Z, Z.T @ y, float(y.size))
        weighted = Z * weights[:, None]
        return cls(weighted.T @ Z, weighted.T @ y, float(weights.sum()))

    def less(self, other: "_Normal") -> "_Normal":
        return _Normal(self.gram - other.gram, self.right - other.right, self.total - other.total)

    def moving(self, whole: "_Normal") -> NDArray[np.bool_]:
        """Which columns still move when rows were left out; the first, the level, counts as one that does."""
        spread = np.diag(self.gram) - self.gram[0] ** 2 / max(self.gram[0, 0], 1e-300)
        before = np.diag(whole.gram) - whole.gram[0] ** 2 / max(whole.gram[0, 0], 1e-300)
        found: NDArray[np.bool_] = spread > _STILL * np.maximum(before, 1e-300)
        found[0] = True
        return found

    def solve(self, used: NDArray[np.bool_], limits: Bounds | None, rows: _Rows) -> Floats:
        """Least squares within limits: coefficients beyond one are held there, the others fitted again. Where the
        normal equations are too nearly singular, the `rows` are looked at themselves."""
        free = used.copy()
        held = np.zeros(used.size)
        while True:
            found = held.copy()
            side = self.right[free] - self.gram[np.ix_(free, ~free)] @ held[~free]
            values, axes = np.linalg.eigh(self.gram[np.ix_(free, free)])
            if values.size and values[0] < CONDITION * values[-1]:
                root = np.ones(rows.y.size) if rows.weights is None else np.sqrt(rows.weights)
                target = (rows.y - rows.Z[:, ~free] @ held[~free]) * root
                counted = (rows.Z[:, free] * root[:, None])[rows.kept]
                found[free] = np.linalg.lstsq(counted, target[rows.kept], rcond=CONDITION)[0]
            else:
                found[free] = axes @ ((axes.T @ side) / values)
            if limits is None:
                return found
            beyond = free & ((found < limits.lower) | (found > limits.upper))
            if not beyond.any():
                return found
            held[beyond] = np.clip(found, limits.lower, limits.upper)[beyond]
            free &= ~beyond


def _by_the_others(
    Z: Floats, y: Floats, root: Floats, parts: NDArray[np.int64], fitted: Floats, limits: Bounds | None
) -> Floats:
    """What is expected of each part by the counted rows of the others; `root` is the square root of a row's weight.

    In an orthonormal basis of the columns the rows of a part are taken away from the normal equations, which is as good
    as fitting anew. Coefficients that stand at a limit stay there.
    """
    held = np.zeros(fitted.size, dtype=np.bool_)
    if limits is not None:
        held = (fitted <= limits.lower) | (fitted >= limits.upper)
    fixed = Z[:, held] @ fitted[held]
    left = y - fixed
    counted = Z[:, ~held] * root[:, None]
    values, axes = np.linalg.eigh(counted.T @ counted)
    usable = values > CONDITION * values.max(initial=0.0)
    turned = axes[:, usable] / np.sqrt(values[usable])
    Q = (turned.T @ Z[:, ~held].T).T
    size = Q.shape[1]
    starts = np.flatnonzero(np.diff(parts, prepend=-1))
    sizes = np.diff(np.append(starts, y.size))
    # Parts x their rows, filled up with a row of zeros.
    places = starts[:, None] + np.arange(sizes.max(initial=0))
    places[np.arange(places.shape[1]) >= sizes[:, None]] = y.size
    rows = np.concatenate([(Q * root[:, None]).T, (left * root)[None]])
    padded = np.concatenate([rows, np.zeros((size + 1, 1))], axis=1)
    by_part = np.ascontiguousarray(padded.take(places, axis=1, mode="clip").transpose(1, 0, 2))
    products = by_part @ by_part.transpose(0, 2, 1)
    sides = products[:, :size, size]
    grams = np.eye(size) - products[:, :size, :size]
    solved = np.linalg.solve(grams + _SINGULAR * np.eye(size), (sides.sum(axis=0) - sides)[..., None])[..., 0]
    expected = fixed
    expected += (Q.T * np.repeat(solved.T, sizes, axis=1)).sum(axis=0)
    return expected


def median(values: NDArray[np.floating]) -> float:
    """The median of finite values (n, at least one), as numpy has it, in half of the time."""
    half = values.size // 2
    ordered = np.partition(values, half)
    upper = float(ordered[half])
    return upper if values.size % 2 else (float(ordered[:half].max()) + upper) / 2


def _in_long_runs(flags: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Which flags stand in a run of at least `shortest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).reshape(-1, 2)
    found = np.zeros(flags.size, dtype=np.bool_)
    for first, stop in edges[np.diff(edges, axis=1)[:, 0] >= shortest]:
        found[first:stop] = True
    return found


def _mostly_one_value(y: Floats) -> bool:
    """Whether more than half are the same: the one in the middle, and two neighbours are, or the first and the last."""
    if not ((y[1:] == y[:-1]).any() or y[0] == y[-1]):
        return False
    half = y.size // 2
    return bool(np.count_nonzero(y == np.partition(y, half)[half]) > half)
