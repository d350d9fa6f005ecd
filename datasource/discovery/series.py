"""Measurements made ready for discovery: what moves, without gaps, as normal scores; and the same without its past."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from datasource.data import Floats, Matrix, Variable

NEVER_MOVES = "never moves"
"""Why a variable is left out that is the same all the time."""
_FEWEST = 30
"""Points with fewer than which nothing can be said."""
_LONGEST_GAP = 10
"""Steps over which a missing value is drawn as a line between its neighbours."""
_SLOW = 8
"""Parts of the whole time; what takes longer than one of them is trend and season, and no cause of each other."""
_MEMORY = 0.1
"""Autocorrelation above which rows are a series in their order."""


@dataclass(frozen=True)
class Series:
    """Variables that move, as normal scores (variables x times) without gaps, and why others are left out."""

    variables: tuple[Variable, ...]
    values: Floats
    left_out: tuple[tuple[Variable, str], ...]

    @cached_property
    def memory(self) -> Floats:
        """The autocorrelation of each variable from one step to the next."""
        one, next_one = self.values[:, :-1], self.values[:, 1:]
        found: Floats = (one * next_one).mean(axis=1)
        return found

    @property
    def has_memory(self) -> bool:
        """Whether the rows are a series, and no independent draws."""
        return bool(np.median(np.abs(self.memory)) > _MEMORY) if len(self.memory) else False

    def innovations(self, order: int) -> Floats:
        """What is new in each variable, given its own `order` values before: (variables, times - order)."""
        return np.array([_innovation(row, order) for row in self.values]).reshape(len(self.variables), -1)

    def without_trend(self) -> Floats:
        """The levels without what takes longer than an eighth of the time, standardised."""
        width = max(self.values.shape[1] // _SLOW, _FEWEST)
        return standardised(self.values - _moving_mean(self.values, width))


def prepare(matrix: Matrix, ranks: bool = True) -> Series:
    """The variables of a matrix that can be used. `ranks` makes them normal scores, so that neither scale nor a few
    far values nor a bend that only rises matter; else they are standardised. Raises ValueError without data."""
    kept, rows, left_out = [], [], []
    for variable, row in zip(matrix.variables, matrix.values, strict=True):
        there = np.isfinite(row)
        if there.sum() < _FEWEST:
            left_out.append((variable, f"has {int(there.sum())} points, and {_FEWEST} are needed"))
        elif np.ptp(row[there]) <= 1e-12 * max(1.0, float(np.abs(row[there]).max())):
            left_out.append((variable, NEVER_MOVES))
        else:
            kept.append(variable)
            rows.append(row)
    if not kept:
        return Series((), np.empty((0, matrix.values.shape[1])), tuple(left_out))
    filled = np.array([_filled(row) for row in rows])
    inside = np.flatnonzero(np.isfinite(filled).mean(axis=0) > 0.5)
    filled = filled[:, inside[0] : inside[-1] + 1] if inside.size else filled
    scored = np.array([normal_scores(row) if ranks else row for row in filled])
    return Series(tuple(kept), standardised(scored), tuple(left_out))


def standardised(values: Floats) -> Floats:
    """Rows with mean 0 and standard deviation 1, missing values 0."""
    values = values - np.nanmean(values, axis=1, keepdims=True)
    spread = np.sqrt(np.nanmean(values**2, axis=1, keepdims=True))
    found: Floats = np.nan_to_num(values / np.where(spread > 0, spread, 1.0))
    return found


def correlations(values: Floats) -> Floats:
    """Of every two rows."""
    found: Floats = np.atleast_2d(np.corrcoef(values))
    return found


def lagged(values: Floats, longest: int) -> Floats:
    """Rows (lag, variable) by time: row `lag * variables + i` is variable i, `lag` steps before."""
    times = values.shape[1]
    return np.concatenate([values[:, longest - lag : times - lag] for lag in range(longest + 1)])


def effective(memory: Floats, times: int) -> Floats:
    """How many independent pairs so many pairs of two first-order autoregressions are worth (variables x variables),
    for their correlation (Bartlett 1935)."""
    product = np.clip(np.outer(memory, memory), 0.0, 0.999)
    found: Floats = np.maximum(times * (1 - product) / (1 + product), 1.0)
    return found


def _filled(row: Floats) -> Floats:
    """Short gaps drawn as lines."""
    there = np.flatnonzero(np.isfinite(row))
    if there.size == row.size:
        return row
    places = np.arange(row.size)
    drawn = np.interp(places, there, row[there])
    after = there[np.minimum(np.searchsorted(there, places), there.size - 1)]
    before = there[np.maximum(np.searchsorted(there, places, side="right") - 1, 0)]
    inside = (places >= there[0]) & (places <= there[-1]) & (after - before <= _LONGEST_GAP + 1)
    return np.where(inside, drawn, np.nan)


def normal_scores(row: Floats) -> Floats:
    """Normal scores of the ranks (van der Waerden), ties in the middle."""
    there = np.isfinite(row)
    scores = np.full(row.size, np.nan)
    scores[there] = stats.norm.ppf(stats.rankdata(row[there]) / (there.sum() + 1))
    return scores


def _innovation(row: Floats, order: int) -> Floats:
    if not order:
        return row
    past = np.column_stack([row[order - lag : row.size - lag] for lag in range(1, order + 1)])
    new = row[order:]
    coefficients = np.linalg.lstsq(past, new, rcond=None)[0]
    left = new - past @ coefficients
    spread = float(left.std())
    found: Floats = (left - left.mean()) / spread if spread > 1e-9 else np.zeros_like(left)
    return found


def _moving_mean(values: Floats, width: int) -> Floats:
    """Means of up to `width` values around each time."""
    times = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    first = np.clip(np.arange(times) - width // 2, 0, times)
    last = np.clip(np.arange(times) + width // 2 + 1, 0, times)
    found: Floats = (sums[:, last] - sums[:, first]) / (last - first)
    return found
