"""Associations: which variables move together, at which lag. A first look, which says nothing of cause and effect."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
from scipy import stats

from datasource.data import Floats, Matrix, Variable
from datasource.discovery.series import effective, normal_scores

Coefficient = Literal["pearson", "spearman"]
COEFFICIENTS: tuple[Coefficient, ...] = get_args(Coefficient)
LONGEST_LAG = 10
"""Steps that one variable may follow another."""
_FEWEST = 20
"""Points that both must have."""
_SURE = 0.05
"""False discovery rate over all pairs (Benjamini and Yekutieli 2001)."""


class Association(NamedTuple):
    """`one` and `other` move together, most when `other` is `lag` steps later.

    `pearson` and `spearman` are correlations at that lag, `lower` and `upper` the 95% interval of the coefficient that
    chose it, for series with memory (Bartlett 1935). `p_value` is for all lags together, `adjusted` for all pairs.
    """

    one: Variable
    other: Variable
    lag: int
    pearson: float
    spearman: float
    lower: float
    upper: float
    p_value: float
    adjusted: float

    def coefficient(self, name: Coefficient) -> float:
        """One of the two."""
        return self.pearson if name == "pearson" else self.spearman


def associations(
    matrix: Matrix,
    variables: Sequence[Variable] | None = None,
    *,
    coefficient: Coefficient = "pearson",
    longest_lag: int = LONGEST_LAG,
) -> tuple[Association, ...]:
    """The pairs of variables whose correlation at its best lag is no chance, the strongest first. Pure.

    >>> import numpy as np
    >>> from datasource.data import Entity, Matrix, Variable
    >>> load = np.random.default_rng(0).normal(size=300)
    >>> values = np.array([load, np.roll(load, 2)])
    >>> variables = tuple(Variable(Entity("service", ()), name) for name in ("load", "latency"))
    >>> [(one.one.signal, one.lag) for one in associations(Matrix(variables, 0, 30, values))]
    [('load', 2)]
    """
    chosen = list(matrix.variables if variables is None else variables)
    rows = matrix.select(chosen).values if chosen else np.empty((0, 0))
    times = rows.shape[1]
    longest = max(min(longest_lag, times - _FEWEST), 0)
    if len(chosen) < 2 or times < _FEWEST:
        return ()
    raw, ranked = rows, np.array([_ranks(row) for row in rows])
    by = raw if coefficient == "pearson" else ranked
    ways = [_at(by, lag) for lag in range(longest + 1)]
    stack = np.array([np.where(n >= _FEWEST, r, 0.0) for r, n in ways])
    lags = np.abs(stack).argmax(axis=0)
    memory = np.array([_memory(normal_scores(row)) for row in rows])
    worth = effective(memory, times) / times
    found: list[tuple[int, int, int, float, float]] = []
    for first in range(len(chosen)):
        for second in range(first):
            ends = max(((first, second), (second, first)), key=lambda e: abs(stack[lags[e], e[0], e[1]]))
            lag = int(lags[ends])
            n = float(ways[lag][1][ends]) * float(worth[ends])
            if n > 4:
                found.append((*ends, lag, float(stack[lag][ends]), n))
    if not found:
        return ()
    counted = 2 * longest + 1
    scores = [np.sqrt(n - 3) * np.arctanh(min(abs(r), 1 - 1e-12)) for *_, r, n in found]
    p_values = np.minimum(2 * stats.norm.sf(scores) * counted, 1.0)
    adjusted = stats.false_discovery_control(p_values, method="by")
    pearson = [_at(raw, lag)[0] for lag in range(longest + 1)] if coefficient != "pearson" else list(stack)
    spearman = [_at(ranked, lag)[0] for lag in range(longest + 1)] if coefficient == "pearson" else list(stack)
    kept = []
    for (one, other, lag, r, n), p_value, q_value in zip(found, p_values.tolist(), adjusted.tolist(), strict=True):
        if q_value <= _SURE:
            middle, width = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), 1.959964 / np.sqrt(n - 3)
            kept.append(
                Association(
                    chosen[one],
                    chosen[other],
                    lag,
                    float(pearson[lag][one, other]),
                    float(spearman[lag][one, other]),
                    float(np.tanh(middle - width)),
                    float(np.tanh(middle + width)),
                    p_value,
                    q_value,
                )
            )
    return tuple(sorted(kept, key=lambda one: (-abs(one.coefficient(coefficient)), one.one, one.other)))


def _at(rows: Floats, lag: int) -> tuple[Floats, Floats]:
    """Correlations of each row with every other one `lag` steps later, and how many points both have."""
    first, second = rows[:, : rows.shape[1] - lag], rows[:, lag:]
    here, there = np.isfinite(first).astype(np.float64), np.isfinite(second).astype(np.float64)
    middle = np.nanmean(np.where(np.isfinite(rows), rows, np.nan), axis=1, keepdims=True) if rows.size else 0.0
    one, other = np.nan_to_num(first - middle), np.nan_to_num(second - middle)
    n = here @ there.T
    count = np.maximum(n, 1.0)
    sums, later = one @ there.T, here @ other.T
    both = one @ other.T - sums * later / count
    spread = (one**2 @ there.T - sums**2 / count) * (here @ (other**2).T - later**2 / count)
    least = 1e-18 * (one**2 @ there.T) * (here @ (other**2).T)
    found = np.where(spread > least, both / np.sqrt(np.where(spread > least, spread, 1.0)), 0.0)
    return np.clip(found, -1.0, 1.0), n


def _ranks(row: Floats) -> Floats:
    there = np.isfinite(row)
    ranks = np.full(row.size, np.nan)
    ranks[there] = stats.rankdata(row[there])
    return ranks


def _memory(row: Floats) -> float:
    """Autocorrelation from one step to the next."""
    row = np.nan_to_num(row)
    spread = float(row @ row)
    return float(row[:-1] @ row[1:]) / spread if spread > 0 else 0.0
