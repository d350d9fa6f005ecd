"""How far a weighted sum of autocorrelated errors reaches, learnt from the residuals of a linear fit."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.signal import lfilter

from datasource.data import Floats
from datasource.effects.study import Ints, Mask
from datasource.numerics import closed_up, on_grid

_MEMORIES = np.array([-0.5, -0.25, 0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99])
_SHARES = np.array([1, 0.9, 0.75, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05])
_DRIFT = 0.97


@dataclass(frozen=True)
class AutoregressiveError:
    """Errors that are noise beside first-order autoregressions: the variance of each of these, by its memory.

    `variances` (r) belong to `memories` (r); a memory of 0 is noise. `freedom` counts the independent errors that
    the residuals are worth, less the coefficients that were fitted.
    """

    variances: Floats
    memories: Floats
    freedom: float

    @property
    def variance(self) -> float:
        return float(self.variances.sum())

    @property
    def drifting(self) -> bool:
        """Whether most of the errors hardly come back to 0."""
        return bool(self.variances[self.memories >= _DRIFT].sum() > 0.5 * self.variance)

    def autocovariance(self, lags: Ints) -> Floats:
        """The covariance (m) of errors that lie `lags` (m) apart."""
        found: Floats = (self.memories[None] ** np.abs(lags)[:, None].astype(np.float64)) @ self.variances
        return found

    def covariance(self, weights: Floats, positions: Ints) -> Floats:
        """The covariance (m, m) of the weighted sums `weights` (m, n) of the errors at the places `positions` (n)."""
        placed = on_grid(np.atleast_2d(weights).T, positions)
        found: Floats = placed.T @ self._spread(placed)
        return found

    def errors(self, weights: Floats, positions: Ints) -> Floats:
        """The standard errors (m) of the weighted sums `weights` (m, n)."""
        found: Floats = np.sqrt(np.maximum(np.diag(self.covariance(weights, positions)), 0))
        return found

    def prediction_errors(self, design: Floats, inner: Floats, fitted: Mask, positions: Ints) -> Floats:
        """The standard errors (m) of outcomes less what a fit on the rows `fitted` (m) predicts of them.

        `design` (m, k) and `inner` (k, k) are those of the hat matrix; the rows' own errors hang together too.
        """
        known = design * fitted[:, None]
        spread = self._spread(on_grid(known, positions))[closed_up(positions)]
        loads = design @ inner
        squares = self.variance - 2 * (spread * loads).sum(axis=1)
        squares += ((loads @ (known.T @ spread)) * loads).sum(axis=1)
        found: Floats = np.sqrt(np.maximum(squares, 0))
        return found

    def _spread(self, columns: Floats) -> Floats:
        """Columns (t, m) on the grid times the covariance matrix of the errors."""
        spread = np.zeros_like(columns)
        for variance, memory in zip(self.variances.tolist(), self.memories.tolist(), strict=True):
            forth = lfilter([1.0], [1.0, -memory], columns, axis=0)
            back = lfilter([1.0], [1.0, -memory], columns[::-1], axis=0)[::-1]
            spread += variance * (forth + back - columns)
        return spread


def autoregressive_error(
    residuals: Floats, positions: Ints, design: Floats, inner: Floats | None = None
) -> AutoregressiveError:
    """The error process behind the residuals (n) of a linear fit at increasing places `positions` (n) of a grid.

    Noise beside an autoregression, by Whittle's likelihood of the cosine transform (Whittle 1953), averaged over a
    grid of memories and shares by how likely each is: a memory that cannot be told from a longer one counts in part.
    The fit's hat matrix is design (n, k) @ inner (k, k) @ design.T, without `inner` that of least squares; a frequency
    counts as far as the fit leaves it, which takes away the bias of fitted residuals.
    """
    n = len(residuals)
    if inner is None:
        left, sizes, _ = np.linalg.svd(design, full_matrices=False)
        design = left[:, sizes > 1e-9 * max(sizes.max(initial=0), 1e-300)]
        inner = np.eye(design.shape[1])
    largest = float(np.abs(residuals).max(initial=0))
    crossed = inner @ (design.T @ design)
    fitted = float(np.trace(crossed))
    if not largest > 0 or n <= fitted + 1:
        return AutoregressiveError(np.array([0.0 if n > fitted + 1 else np.nan]), np.zeros(1), 0.0)
    power = dct(on_grid(residuals / largest, positions), norm="ortho") ** 2
    columns = dct(on_grid(design, positions), norm="ortho", axis=0)
    taken = ((columns @ (2 * inner - crossed @ inner)) * columns).sum(axis=1)
    length = len(power)
    left_over = np.clip(n / length - taken, 0, None)
    waves = np.cos(np.pi * np.arange(length) / length)
    likelihoods, parts = [], []
    for memory in _MEMORIES.tolist():
        shape = (1 - memory**2) / (1 - 2 * memory * waves + memory**2)
        for share in (_SHARES if memory > 0.3 else _SHARES[:1]).tolist():
            density = share * shape + 1 - share
            scale = float((power / density).sum() / left_over.sum())
            likelihoods.append(-0.5 * float(left_over.sum() * np.log(scale) + left_over @ np.log(density)))
            parts.append((memory, scale * share, scale * (1 - share)))
    chances = np.exp(np.array(likelihoods) - max(likelihoods))
    chances /= chances.sum()
    memory, lasting, noise = np.array(parts).T
    variances = np.array([float(chances @ (lasting * (memory == one))) for one in _MEMORIES.tolist()])
    variances[_MEMORIES == 0] += float(chances @ noise)
    kept = variances > 1e-4 * variances.sum()
    variances, memories = variances[kept], _MEMORIES[kept]
    long_run = lasting * (1 + memory) / (1 - memory) + noise
    worth = n * float(chances @ np.minimum((lasting + noise) / long_run, 1))
    return AutoregressiveError(variances * largest**2, memories, max(worth - fitted, 2.0))
