"""Series whose causes are known, for tests of discovery."""

import numpy as np

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.discovery import Proposal

HOST = Entity("service", (("service", "host"),))


def matrix_of(columns: dict[str, Floats]) -> Matrix:
    """One entity's signals."""
    variables = tuple(Variable(HOST, name) for name in columns)
    return Matrix(variables, 0, 60, np.array(list(columns.values()), dtype=np.float64))


def chain(names: tuple[str, str, str], seed: int = 0, times: int = 1500, lag: int = 1) -> Matrix:
    """The first moves the second, the second the third `lag` steps later; noise is skewed and autocorrelated."""
    rng = np.random.default_rng(seed)

    def noise() -> Floats:
        shocks, values = rng.exponential(size=times) - 1, np.zeros(times)
        for time in range(1, times):
            values[time] = 0.4 * values[time - 1] + shocks[time]
        return values

    first = noise()
    second = 0.9 * first + 0.8 * noise()
    third = 0.9 * np.concatenate([second[:lag], second[: times - lag]]) + 0.8 * noise()
    return matrix_of(dict(zip(names, (first, second, third), strict=True)))


def pairs(found: Proposal) -> set[tuple[str, str]]:
    return {(edge.cause.signal, edge.effect.signal) for edge in found.edges}


def adjacent(found: Proposal) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in pairs(found)}
