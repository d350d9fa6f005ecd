"""Random acyclic models of independent rows."""

import numpy as np
from numpy.typing import NDArray

_DEGREE = 2
"""Neighbours of a variable on average."""


def random_model(size: int, rows: int, seed: int, bent: bool = False) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Rows x variables, and the graph (cause x effect); `bent` makes every effect nonlinear. Noise is Laplacian."""
    rng = np.random.default_rng([size, seed, int(bent)])
    graph = np.triu(rng.random((size, size)) < _DEGREE / (size - 1), 1)
    weights = graph * rng.uniform(0.5, 1.5, (size, size)) * rng.choice([-1, 1], (size, size))
    values = np.zeros((rows, size))
    for place in range(size):
        for cause in np.flatnonzero(graph[:, place]):
            moved = values[:, cause]
            moved = np.tanh(moved) + 0.3 * moved**2 / (1 + np.abs(moved)) if bent else moved
            values[:, place] += weights[cause, place] * moved
        values[:, place] += rng.laplace(size=rows) / np.sqrt(2)
    order = rng.permutation(size)
    return values[:, order], graph[np.ix_(order, order)]
