"""At which lags a parent acts, as the data says."""

from collections.abc import Sequence

import numpy as np

from datasource.data import Floats

_SMALLEST_GAIN = 0.02
"""A lag is added where it explains at least this share of what was left."""
_MOST = 4
"""Lags that are added to a parent."""


def choose_lags(y: Floats, known: Floats, candidates: Floats) -> Sequence[int]:
    """Which of the candidate columns (n, m) help to explain y (n) beside the known ones (n, k).

    Forward selection: the column that explains most of what is left is added, as long as it lowers the Bayesian
    information criterion of so many independent rows as the autocorrelation of what is left allows.
    """
    n = y.size
    if not candidates.shape[1] or n < 10 * (known.shape[1] + 1):
        return ()
    basis, _ = np.linalg.qr(known / np.maximum(np.abs(known).max(axis=0), 1e-300))
    left = y - basis @ (basis.T @ y)
    free = candidates - candidates.mean(axis=0)
    free /= np.maximum(np.abs(free).max(axis=0), 1e-300)
    before = np.einsum("ij,ij->j", free, free)
    free -= basis @ (basis.T @ free)
    chosen: list[int] = []
    for _ in range(min(_MOST, candidates.shape[1])):
        power = np.einsum("ij,ij->j", free, free)
        usable = power > 1e-6 * np.maximum(before, 1e-300)
        usable[chosen] = False
        total = float(left @ left)
        if not usable.any() or total <= 0:
            break
        gain = np.where(usable, (free.T @ left) ** 2 / np.where(usable, power, 1.0), 0.0) / total
        best = int(gain.argmax())
        if gain[best] < _SMALLEST_GAIN or -_independent(left) * np.log1p(-min(gain[best], 1 - 1e-12)) < np.log(n):
            break
        chosen.append(best)
        direction = free[:, best] / np.sqrt(power[best])
        left = left - direction * (direction @ left)
        free = free - np.outer(direction, direction @ free)
    return chosen


def _independent(left: Floats) -> float:
    """How many independent rows the residuals are worth, for AR(1)."""
    rho = float(np.clip(left[1:] @ left[:-1] / (left @ left), 0.0, 0.99))
    return left.size * (1 - rho) / (1 + rho)
