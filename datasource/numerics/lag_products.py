"""Products of columns with their own past, from which every whitening of them follows without going over the rows."""

import numpy as np

from datasource.numerics.grid import Floats, Ints


class LagProducts:
    """Sums of products of the columns `values` (n, d) with themselves at lags 0 ... `order`.

    `positions` (n, strictly increasing) are the rows' places on a regular grid.
    """

    def __init__(self, values: Floats, positions: Ints, order: int) -> None:
        apart = np.minimum(np.diff(positions), order + 1)
        places = order + np.concatenate([[0], np.cumsum(apart)]).astype(np.int64)
        laid = values
        if len(places) < places[-1] - order + 1:
            laid = np.zeros((int(places[-1]) - order + 1, values.shape[1]))
            laid[places - order] = values
        edge = np.zeros((order, values.shape[1]))
        padded = np.concatenate([edge, laid, edge])
        there = np.zeros(len(padded), dtype=np.int64)
        there[places] = 1
        sums = np.cumsum(there)
        known = sums - np.concatenate([np.zeros(order + 1, dtype=np.int64), sums[: -order - 1]])
        broken = np.flatnonzero((known > 0) & (known <= order))
        self._broken = np.array([padded[np.maximum(broken - lag, 0)] for lag in range(order + 1)])
        self.pairs = np.array([padded[lag:].T @ padded[: len(padded) - lag] for lag in range(order + 1)])
        self.counts = np.array([(there[lag:] * there[: len(there) - lag]).sum() for lag in range(order + 1)])

    def whitened(self, rho: Floats) -> Floats:
        """The products (d, d) of the columns whitened by `rho` (order), over rows whose predecessors are there."""
        whitening = np.concatenate([[1.0], -rho])
        found: Floats = (whitening @ whitening) * self.pairs[0]
        for lag in range(1, len(whitening)):
            weight = whitening[lag:] @ whitening[:-lag]
            found = found + weight * (self.pairs[lag] + self.pairs[lag].T)
        left_out = np.tensordot(whitening, self._broken, axes=1)
        return np.asarray(found - left_out.T @ left_out)

    def autocovariances(self, combination: Floats) -> Floats:
        """The mean products (order + 1) of a combination (d) of the columns with itself at each lag."""
        sums = np.einsum("a,lab,b->l", combination, self.pairs, combination)
        return np.asarray(sums / np.maximum(self.counts, 1), dtype=np.float64)
