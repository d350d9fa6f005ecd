"""Generalised least squares of many windows from sums of products alone, which windows share."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.numerics.grid import Floats, Ints

SAFE = 1e-6
"""How much of a column's variance must be its own for sums of products to be exact to 1e-9."""


class WindowSums(NamedTuple):
    """Sums over m windows of products of z = (1, columns, outcome), standardised in the window, `d` of them.

    `whitenable` (m, lags, d, lags, d) is over the rows whose `order` predecessors are there, by both lags; `pairs`
    (m, lags, d, d) over all pairs of rows that far apart; `basis` (m, d, d) is what standardised them.
    """

    whitenable: Floats
    pairs: Floats
    basis: Floats
    rows: Floats
    scale: Floats
    centre: Floats


def sum_products(
    z: Floats, lagged: Floats, whole: NDArray[np.bool_], windows: Ints, order: int
) -> tuple[WindowSums, NDArray[np.bool_]]:
    """The sums of every window, and where rounding leaves them exact enough; rows between window ends are taken once.

    `z` (n, d) is 0 in incomplete rows, `lagged` (n, order + 1, d) holds it at its lags, `whole` (n) says where all
    lags are there.
    """
    m, d = len(windows), z.shape[1]
    begin, end = np.minimum(windows[:, 0] + order, windows[:, 1]), windows[:, 1]
    cuts = np.unique(np.concatenate([begin, end]))
    flat = lagged.reshape(len(z), -1)
    masked = flat * whole[:, None]
    segments = [slice(a, b) for a, b in pairwise(cuts.tolist())]
    inside = ((cuts[:-1] >= begin[:, None]) & (cuts[1:] <= end[:, None])).astype(np.float64)
    products = np.array([masked[one].T @ masked[one] for one in segments])
    whitenable = (inside @ products.reshape(len(segments), -1)).reshape(m, order + 1, d, order + 1, d)
    products = np.array([z[one].T @ flat[one] for one in segments])
    pairs = (inside @ products.reshape(len(segments), -1)).reshape(m, d, order + 1, d).transpose(0, 2, 1, 3).copy()
    head = z[windows[:, :1] + np.arange(order)]
    for lag in range(order):
        pairs[:, lag] += np.einsum("mta,mtb->mab", head[:, lag:], head[:, : order - lag])
    rows = pairs[:, 0, 0, 0]
    centre = pairs[:, 0, 0, 1:] / rows[:, None]
    variance = np.diagonal(pairs[:, 0, 1:, 1:], axis1=1, axis2=2) / rows[:, None] - centre**2
    good = (variance > SAFE * (1 + centre**2)).all(axis=1) & (whitenable[:, 0, 0, 0, 0] >= rows / 2)
    spread = np.sqrt(np.where(variance > 0, variance, 1.0))
    basis = np.zeros((m, d, d))
    basis[:, 0, 0] = 1
    basis[:, 1:, 0] = -centre / spread
    basis[:, np.arange(1, d), np.arange(1, d)] = 1 / spread
    across = basis.swapaxes(1, 2)
    pairs = basis[:, None] @ pairs @ across[:, None]
    left = basis[:, None, None] @ whitenable.transpose(0, 1, 3, 2, 4) @ across[:, None, None]
    return WindowSums(left.transpose(0, 1, 3, 2, 4), pairs, basis, rows, spread, centre), good


def iterate(
    sums: WindowSums, iterations: int, shift: Floats, scale: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """AR coefficients (m, order), the coefficients (m, k + 1) fitted with them, and where the way there was safe."""
    m, lags = sums.pairs.shape[:2]
    rho, active, good = np.zeros((m, lags - 1)), np.ones(m, dtype=bool), np.ones(m, dtype=bool)
    last: Floats | None = None
    for _ in range(iterations - 1):
        solved = solve(whitened_design(rho, None, False), sums)
        good &= solved.good | ~active
        raw = _in_their_units(solved.coefficients, sums, shift, scale)
        if last is not None:
            change = np.nanmax(np.abs(last - raw) / np.abs(last), axis=1, initial=0)
            good &= (np.abs(change - 1e-4) > 1e-8) | ~active
            active &= ~(change < 1e-4)
        last = raw
        found, safe = _yule_walker(solved.coefficients, sums)
        good &= safe | ~active
        rho = np.where(active[:, None], found, rho)
    return rho, solve(whitened_design(rho, None, False), sums).coefficients, good


def _in_their_units(coefficients: Floats, sums: WindowSums, shift: Floats, scale: Floats) -> Floats:
    """Intercept and slopes (m, 1 + k) of the rows as they were given."""
    spread, centre = sums.scale * scale, shift + sums.centre * scale
    slopes = coefficients[:, 1:] * spread[:, -1:] / spread[:, :-1]
    intercept = centre[:, -1] + spread[:, -1] * coefficients[:, 0] - (slopes * centre[:, :-1]).sum(axis=1)
    return np.column_stack([intercept, slopes])


def _yule_walker(coefficients: Floats, sums: WindowSums) -> tuple[Floats, NDArray[np.bool_]]:
    m, lags = sums.pairs.shape[:2]
    error = np.column_stack([-coefficients, np.ones(m)])
    error[:, 0] -= (sums.pairs[:, 0, 0] * error).sum(axis=1) / sums.rows
    covariance = np.einsum("ma,mlab,mb->ml", error, sums.pairs, error) / np.maximum(sums.pairs[:, :, 0, 0], 1)
    safe = np.isfinite(covariance).all(axis=1) & (covariance[:, 0] > SAFE)
    covariance = np.where(safe[:, None], covariance, np.eye(lags)[0])
    apart = np.abs(np.subtract.outer(np.arange(lags - 1), np.arange(lags - 1)))
    toeplitz = covariance[:, apart]
    safe &= np.linalg.eigvalsh(toeplitz)[:, 0] > SAFE * covariance[:, 0]
    toeplitz[~safe] = np.eye(lags - 1)
    return np.linalg.solve(toeplitz, covariance[:, 1:, None])[:, :, 0], safe


def whitened_design(rho: Floats, coefficients: Floats | None, feedback: bool) -> Floats:
    """The whitened columns, with `feedback` the past errors, and last the whitened outcome, as sums of lagged z.

    (m, lags, d, width); `coefficients` are those whose errors are meant.
    """
    m, lags = rho.shape[0], rho.shape[1] + 1
    whitening = np.column_stack([np.ones(m), -rho])
    if coefficients is None:
        return whitening[:, :, None, None]
    d = coefficients.shape[1] + 1
    whitened = whitening[:, :, None, None] * np.eye(d)
    if not feedback:
        return whitened
    past = np.zeros((m, lags, d, lags - 1))
    error = np.column_stack([-coefficients, np.ones(m)])
    for back in range(1, lags):
        past[:, back, :, back - 1] = error
    return np.concatenate([whitened[..., :-1], past, whitened[..., -1:]], axis=3)


class Solved(NamedTuple):
    """Least squares by window: `design` as sums of lagged z, `coefficients` (m, w), `inverse` (m, w, w) with
    inverse @ inverse' = (X'X)^-1, and where sums of products are exact enough."""

    design: Floats
    coefficients: Floats
    inverse: Floats
    good: NDArray[np.bool_]


def solve(design: Floats, sums: WindowSums) -> Solved:
    """Least squares of the design's last column on the others, by window, columns brought to unit length first."""
    gram = sums.whitenable
    if design.shape[3] == 1:
        half = np.einsum("mj,miajb->miab", design[:, :, 0, 0], gram)
        products = np.einsum("mi,miab->mab", design[:, :, 0, 0], half)
    else:
        m, lags, d, width = design.shape
        flat = design.reshape(m, lags * d, width)
        products = flat.swapaxes(1, 2) @ gram.reshape(m, lags * d, lags * d) @ flat
    rows = gram[:, 0, 0, 0, 0]
    lengths = np.diagonal(products, axis1=1, axis2=2)[:, :-1]
    least = lengths.min(axis=1) / rows
    unit = 1 / np.sqrt(np.where(lengths > 0, lengths, 1.0))
    normal = products[:, :-1, :-1] * unit[:, :, None] * unit[:, None]
    finite = np.isfinite(normal).all(axis=(1, 2))
    normal[~finite] = np.eye(normal.shape[1])
    values, vectors = np.linalg.eigh(normal)
    good = finite & (least * values[:, 0] > SAFE) & (rows > normal.shape[1] + 1)
    values = np.where(values > SAFE**2, values, 1.0)
    inverse = unit[:, :, None] * vectors / np.sqrt(values)[:, None]
    solved = (inverse @ (inverse.swapaxes(1, 2) @ products[:, :-1, -1:]))[:, :, 0]
    left = products[:, -1, -1] - (solved * products[:, :-1, -1]).sum(axis=1)
    return Solved(design, solved, inverse, good & (left > SAFE * rows))
