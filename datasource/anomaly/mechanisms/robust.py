"""Least squares on data that may hold incidents: they are found and left out."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.telemetry import Floats

_ROUNDS = 6
CUT = 5.0
"""Residuals beyond this many robust standard deviations belong to an incident and are left out."""
_FOLD_ROWS, _MOST_FOLDS = 30, 20
"""What is expected of a part of the time is fitted on the rest: so many rows are a part, and so many the most parts."""
_CONDITION, _SINGULAR = 1e-10, 1e-8


class Fit(NamedTuple):
    """`coefficients` (k), which rows were `kept` (n), and of every row what is `expected` (n) by a fit on other rows:
    those outside of its part of the time, which `folds` holds as slices."""

    coefficients: Floats
    kept: NDArray[np.bool_]
    expected: Floats
    folds: tuple[slice, ...]


class Bounds(NamedTuple):
    """The smallest and the largest each coefficient (k) may be."""

    lower: Floats
    upper: Floats


def robust_least_squares(X: Floats, y: Floats, lasting: int, bounds: Bounds | None = None) -> Fit:
    """Fit y (n) on X (n, k), times in order.

    Rows whose residual is beyond 5 robust standard deviations are taken as incidents and left out, in rounds. Where
    most rows have one and the same value, what deviates is left out only where it does so `lasting` rows in a row.
    What is expected of a row comes from the coefficients without its part of the time, so that the residuals are as
    large as those of times to come.
    """
    scales = np.maximum(np.abs(X).max(axis=0), 1e-300)
    Z = X / scales
    limits = None if bounds is None else Bounds(bounds.lower * scales, bounds.upper * scales)
    kept = np.ones(y.size, dtype=np.bool_)
    rare = _mostly_one_value(y)
    if rare:
        values, counts = np.unique(y, return_counts=True)
        quiet = ~in_long_runs(y != values[counts.argmax()], lasting)
        kept = quiet if quiet.sum() >= y.size // 2 else kept
    for _ in range(_ROUNDS):
        coefficients = _solve(Z[kept], y[kept], limits)
        residuals = y - Z @ coefficients
        center = float(np.median(residuals))
        scale = 1.4826 * float(np.median(np.abs(residuals - center)))
        if rare or scale <= 0:
            break
        now = np.abs(residuals - center) <= CUT * scale
        if now.sum() < max(2 * X.shape[1], y.size // 2) or np.array_equal(now, kept):
            break
        kept = now
    folds = _folds(y.size)
    return Fit(coefficients / scales, kept, _by_the_others(Z, y, kept, folds, coefficients, limits), folds)


def _folds(rows: int) -> tuple[slice, ...]:
    count = min(max(rows // _FOLD_ROWS, 2), _MOST_FOLDS)
    return tuple(slice(first, stop) for first, stop in pairwise(np.linspace(0, rows, count + 1).astype(int).tolist()))


def _by_the_others(
    Z: Floats, y: Floats, kept: NDArray[np.bool_], folds: Sequence[slice], fitted: Floats, limits: Bounds | None
) -> Floats:
    """What is expected of each fold by the kept rows of the others.

    In an orthonormal basis of the columns the rows of a fold are taken away from the normal equations, which is as good
    as fitting anew. Coefficients that stand at a limit stay there.
    """
    held = np.zeros(fitted.size, dtype=np.bool_)
    if limits is not None:
        held = (fitted <= limits.lower) | (fitted >= limits.upper)
    fixed = Z[:, held] @ fitted[held]
    left = y - fixed
    _, sizes, axes = np.linalg.svd(Z[kept][:, ~held], full_matrices=False)
    used = sizes > _CONDITION * sizes.max(initial=0.0)
    Q = Z[:, ~held] @ (axes[used].T / sizes[used])
    counted = Q * kept[:, None]
    inside = [counted[fold] for fold in folds]
    whole = counted.T @ left
    grams = np.eye(whole.size) - np.stack([part.T @ part for part in inside])
    rights = whole - np.stack([part.T @ left[fold] for part, fold in zip(inside, folds, strict=True)])
    solved = np.linalg.solve(grams + _SINGULAR * np.eye(whole.size), rights[..., None])[..., 0]
    return np.concatenate([fixed[fold] + Q[fold] @ one for fold, one in zip(folds, solved, strict=True)])


def _solve(Z: Floats, y: Floats, limits: Bounds | None) -> Floats:
    """Least squares within limits: coefficients beyond one are held there, the others fitted again."""
    free = np.ones(Z.shape[1], dtype=np.bool_)
    held = np.zeros(Z.shape[1])
    while True:
        found = held.copy()
        found[free] = np.linalg.lstsq(Z[:, free], y - Z[:, ~free] @ held[~free], rcond=_CONDITION)[0]
        if limits is None:
            return found
        beyond = free & ((found < limits.lower) | (found > limits.upper))
        if not beyond.any():
            return found
        held[beyond] = np.clip(found, limits.lower, limits.upper)[beyond]
        free &= ~beyond


def in_long_runs(flags: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Which flags stand in a run of at least `shortest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))).reshape(-1, 2)
    found = np.zeros(flags.size, dtype=np.bool_)
    for first, stop in edges[np.diff(edges, axis=1)[:, 0] >= shortest]:
        found[first:stop] = True
    return found


def _mostly_one_value(y: Floats) -> bool:
    ordered, half = np.sort(y), y.size // 2
    return bool((ordered[: y.size - half] == ordered[half:]).any())
