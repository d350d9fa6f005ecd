"""Thousands of regressions on the columns of one matrix at once: OLS with HAC standard errors.

Frisch, Waugh and Lovell: the slope of a treatment beside an adjustment set is that of its own movement, what the set
leaves of it. Products of all variables are taken once for all triples that share their missing rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from datasource.numerics.grid import Floats, Ints
from datasource.numerics.hac import bartlett, hac_errors
from datasource.numerics.regression import least_squares

_SAFE = 1e-6
_CHUNK = 16


class Triple(NamedTuple):
    """A question to the rows of a matrix: the slope of outcome on treatment beside the adjustment set."""

    treatment: int
    outcome: int
    adjustment_set: tuple[int, ...] = ()


class Slopes(NamedTuple):
    """By triple (m): slope, HAC standard error and p-value (Student's t), NaN where there is none; and rows used."""

    slopes: Floats
    errors: Floats
    p_values: Floats
    n: Ints


def ols_hac(matrix: Floats, triples: Sequence[Triple], lags: int) -> Slopes:
    """Ordinary least squares of every triple's outcome on an intercept, its adjustment set and its treatment.

    `matrix` is (variables, n), NaN where missing; a triple uses the rows where it misses nothing, closed up. Equal to
    1e-8 to statsmodels' `OLS(..., missing="drop").fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction":
    True}, use_t=True)`. Columns of the adjustment set that are constant or depend on others are left out; a treatment
    that does not move on its own has no slope. Nearly collinear triples go one by one through a QR decomposition.
    """
    m = len(triples)
    found = Slopes(np.full(m, np.nan), np.full(m, np.nan), np.full(m, np.nan), np.zeros(m, dtype=np.int64))
    finite = np.isfinite(matrix)
    kinds: dict[bytes, int] = {}
    of_variable = [kinds.setdefault(row.tobytes(), len(kinds)) for row in np.packbits(finite, axis=1)]
    patterns = finite[[of_variable.index(kind) for kind in range(len(kinds))]]
    groups: dict[frozenset[int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, triple in enumerate(triples):
        used = frozenset(of_variable[v] for v in (triple.treatment, triple.outcome, *triple.adjustment_set))
        groups[used][len(triple.adjustment_set)].append(place)
    for used, by_size in groups.items():
        there = patterns[list(used)].all(axis=0)
        rows = matrix if there.all() else matrix[:, there]
        for size, places in by_size.items():
            columns = np.array([(*triples[p].adjustment_set, triples[p].treatment, triples[p].outcome) for p in places])
            names, columns = np.unique(columns, return_inverse=True)
            variables, columns = rows[names], columns.reshape(len(places), size + 2)
            where = np.array(places)
            found.n[where] = rows.shape[1]
            if rows.shape[1] > size + 2:
                _estimate(variables, columns, lags, found, where)
    freedom = found.n - np.array([len(triple.adjustment_set) + 2 for triple in triples], dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        found.p_values[:] = 2 * stats.t.sf(np.abs(found.slopes) / found.errors, freedom)
    found.p_values[(found.errors == 0) & (found.slopes == 0)] = 1.0
    return found


def _estimate(variables: Floats, columns: Ints, lags: int, found: Slopes, places: Ints) -> None:
    """All triples (m, adjustment set, treatment, outcome) of one size, on rows (variables, n) without gaps."""
    n = variables.shape[1]
    largest = np.abs(variables).max(axis=1)
    largest[~(largest > 0)] = 1.0
    scaled = variables / largest[:, None]
    scaled -= scaled.mean(axis=1, keepdims=True)
    spread = np.sqrt((scaled * scaled).mean(axis=1))
    moving = spread > _SAFE
    scaled /= np.where(moving, spread, 1.0)[:, None]
    unit = spread * largest
    gram = scaled @ scaled.T
    safe = _safe(gram, columns, n) & moving[columns].all(axis=1)
    fast = np.flatnonzero(safe)
    if len(fast):
        slopes, errors, fine = _frisch_waugh_lovell(scaled, gram, columns[fast], lags)
        ratio = unit[columns[fast, -1]] / unit[columns[fast, -2]]
        found.slopes[places[fast]], found.errors[places[fast]] = slopes * ratio, errors * ratio
        safe[fast[~fine]] = False
    for slow in np.flatnonzero(~safe):
        *adjustment, treatment, outcome = columns[slow].tolist()
        fit = least_squares(variables[outcome], variables[[*adjustment, treatment]].T)
        contrast = np.zeros((len(fit.coefficients), 1))
        contrast[-1] = 1
        found.slopes[places[slow]] = fit.coefficients[-1]
        known = np.isfinite(fit.coefficients[-1])
        found.errors[places[slow]] = hac_errors(fit, contrast, lags)[0] if known else np.nan


def _safe(gram: Floats, columns: Ints, n: int) -> NDArray[np.bool_]:
    """Where sums of products are exact enough: the adjustment set and the treatment far from collinear."""
    joint = columns[:, :-1]
    correlations = gram[joint[:, :, None], joint[:, None]] / n
    safe: NDArray[np.bool_] = np.linalg.eigvalsh(correlations)[:, 0] > 1e-4
    return safe


def _frisch_waugh_lovell(
    scaled: Floats, gram: Floats, columns: Ints, lags: int
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Slopes, HAC errors, and where the fit leaves enough of the outcome for them to be exact."""
    m, n, size = len(columns), scaled.shape[1], columns.shape[1] - 2
    adjustment, treatment, outcome = columns[:, :-2], columns[:, -2], columns[:, -1]
    own = np.zeros((m, size + 2))
    own[:, -2] = 1
    rest = np.zeros((m, size + 2))
    rest[:, -1] = 1
    if size:
        among = gram[adjustment[:, :, None], adjustment[:, None]]
        sides = np.stack([gram[adjustment, treatment[:, None]], gram[adjustment, outcome[:, None]]], axis=2)
        fitted = np.linalg.solve(among, sides)
        own[:, :-2], rest[:, :-2] = -fitted[:, :, 0], -fitted[:, :, 1]
    crossed = gram[columns[:, :, None], columns[:, None]]
    movement = np.einsum("ma,mab,mb->m", own, crossed, own)
    slopes = np.einsum("ma,mab,mb->m", own, crossed, rest) / movement
    rest -= slopes[:, None] * own
    left = np.einsum("ma,mab,mb->m", rest, crossed, rest)
    both, squares = np.stack([own, rest], axis=1), np.empty(m)
    for first in range(0, m, _CHUNK):
        chunk = slice(first, first + _CHUNK)
        moved = both[chunk] @ scaled[columns[chunk]]
        squares[chunk] = bartlett(moved[:, 0] * moved[:, 1], lags)
    return slopes, np.sqrt(squares * n / (n - size - 2)) / movement, left > _SAFE * n
