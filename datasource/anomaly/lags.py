"""At which lags a parent acts, as the data says."""

from collections.abc import Sequence

import numpy as np

from datasource.data import Floats

_SMALLEST_GAIN = 0.02
"""A lag is added where it explains at least this share of what was left."""
_SINGULAR = 1e-10
"""What is left of a row below this share of its square is rounding."""
_MOST = 4
"""Lags that are added to a parent."""


def choose_lags(y: Floats, known: Floats, candidates: Floats) -> Sequence[int]:
    """Which of the candidate rows (m, n) help to explain y (n) beside the known ones (k, n) and an intercept.

    Forward selection: the candidate that explains most of what is left is added, as long as it lowers the Bayesian
    information criterion of so many independent times as the autocorrelation of what is left allows. All of it is done
    with the products of rows, out of which a row is swept when it is added.
    """
    n, size = y.size, len(known)
    if not len(candidates) or n < 10 * (size + 2):
        return ()
    rows = np.concatenate([known, candidates, y[None]])
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-300)
    whole = rows @ rows.T
    left, free, last = whole, slice(size, -1), len(rows) - 1
    used: list[int] = []

    def add(place: int) -> None:
        nonlocal left
        if left[place, place] > _SINGULAR * whole[place, place]:
            left = left - np.outer(left[place], left[place]) / left[place, place]
            used.append(place)

    for place in range(size):
        add(place)
    chosen: list[int] = []
    for _ in range(min(_MOST, len(candidates))):
        power, total = np.diag(left)[free], left[last, last]
        usable = power > 1e-6 * np.maximum(np.diag(whole)[free], 1e-300)
        usable[chosen] = False
        if not usable.any() or total <= _SINGULAR * whole[last, last]:
            break
        gain = np.where(usable, left[free, last] ** 2 / np.where(usable, power, 1.0), 0.0) / total
        best = int(gain.argmax())
        if gain[best] < _SMALLEST_GAIN:
            break
        slopes = np.linalg.solve(whole[np.ix_(used, used)], whole[used, last])
        worth = _independent(rows[last] - slopes @ rows[used])
        if -worth * np.log1p(-min(gain[best], 1 - 1e-12)) < np.log(n):
            break
        chosen.append(best)
        add(size + best)
    return chosen


def _independent(left: Floats) -> float:
    """How many independent rows the residuals are worth, for AR(1)."""
    rho = float(np.clip(left[1:] @ left[:-1] / (left @ left), 0.0, 0.99))
    return left.size * (1 - rho) / (1 + rho)
