"""How high scores go, as rarely as is asked for: what the parts of a baseline say of the time to come.

Block maxima (Gumbel 1958): the highest score of each part of the time, on a logarithmic scale. A variable has its own
location; its spread is drawn to that of its group and the shape is the group's, by L-moments (Hosking & Wallis 1997,
regional frequency analysis).
"""

from collections.abc import Callable
from math import gamma, inf, log

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import (
    EVENLY,
    INCIDENT,
    LARGEST_BEYOND,
    PRIOR_PARTS,
    PRIOR_SCALE,
    PRIOR_SHAPE_PARTS,
    SMALLEST_HEIGHT,
    STANDS_OUT,
    USUAL_DAYS,
)
from datasource.data import Floats

_EULER = 0.5772156649
"""Mean of the standard Gumbel distribution."""
_GUMBEL_SKEW = 0.1699
"""Its L-skewness."""
_FEWEST_ROWS = 4
"""The spread known beforehand counts as so many variables of a signal."""
_FEWEST_PARTS = 3
"""Parts from which the spread of a variable's highest scores can be told."""
FEWEST_ALIKE = 8
"""So many variables show how much they differ from each other."""
_CHANCE = 0.8
"""The standard deviation of the second L-moment of n values of a Gumbel distribution, times the square root of n, over
that moment."""
_LARGEST_SHAPE = 0.3
"""Of the distribution of highest scores, to either side."""
_LEAST_ROOM = 1e-4
"""Below a bound, as a share of its square, there is so much room at least."""


class Highest:
    """The highest scores of each part: `peaks` (variables x parts, NaN where nothing is known).

    `once` are the same, without the smaller of two that are one stretch across a border. `limit` (variables) is where
    heights stop to count: twice what is usual, which is what came on three days; `days` numbers the day of each part.
    Of fewer than three days it is what came in three quarters of the parts. `lasting` says, given such limits, in which
    parts (variables x parts) scores stayed above them so long that it is the calendar's doing: these count whole.
    Scores that are never above a `bound` have tails on the scale of log-odds, where nothing stops them.
    """

    def __init__(
        self,
        peaks: Floats,
        once: Floats,
        days: NDArray[np.int64],
        noise: Floats,
        lasting: Callable[[Floats], NDArray[np.bool_]] | None = None,
        bound: float = inf,
    ) -> None:
        peaks = np.where(np.isfinite(peaks), np.maximum(peaks, SMALLEST_HEIGHT), np.nan)
        usual, second = usual_heights(once, days)
        self.limit: Floats = np.maximum(STANDS_OUT * usual, INCIDENT * noise)
        if lasting is not None:
            whole = np.where(lasting(self.limit), np.nan_to_num(peaks), 0.0).max(axis=1, initial=0.0)
            self.limit, usual = np.maximum(self.limit, whole), np.maximum(usual, whole)
        self._most = np.maximum(LARGEST_BEYOND * usual, second)
        self._bound = bound
        self._logs: Floats = _log_odds(np.minimum(peaks, STANDS_OUT * usual[:, None]), bound)

    def levels(self, times: float, without: int | None = None) -> Floats:
        """What each variable exceeds once in so many (`times`) parts, as all parts say, or all but one."""
        logs = self._logs if without is None else np.delete(self._logs, without, axis=1)
        found: Floats = np.minimum(_of_log_odds(_quantiles(logs, times, self._bound == inf), self._bound), self._most)
        return found


def _log_odds(heights: Floats, bound: float) -> Floats:
    """Logarithms; of heights that have a bound, those of h / sqrt(1 - (h / bound)^2), which have none."""
    found: Floats = np.log(heights) - 0.5 * np.log(np.maximum(1 - (heights / bound) ** 2, _LEAST_ROOM))
    return found


def _of_log_odds(logs: Floats, bound: float) -> Floats:
    with np.errstate(over="ignore"):
        found: Floats = np.exp(logs) / np.sqrt(1 + (np.exp(logs) / bound) ** 2)
    return found


def usual_heights(once: Floats, days: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Of each row what is usual, and what came on two days (0 in a baseline of fewer than three days).

    `once` has the highest scores of the parts (rows x parts, NaN where unknown, a stretch across a border once), `days`
    the day of each part.
    """
    several = int(days[-1]) + 1 >= USUAL_DAYS
    daily = np.fmax.reduceat(once, np.flatnonzero(np.diff(days, prepend=-1)), axis=1) if several else once
    ordered = -np.sort(-np.nan_to_num(daily), axis=1)
    known = np.maximum(np.isfinite(daily).sum(axis=1), 1)
    place = np.maximum(np.minimum(USUAL_DAYS, known) if several else np.rint(EVENLY * known).astype(int), 1) - 1
    usual = np.take_along_axis(ordered, place[:, None], axis=1)[:, 0]
    second = ordered[:, 1] if several and ordered.shape[1] > 1 else np.zeros(len(once))
    return np.maximum(usual, 2 * SMALLEST_HEIGHT), second


def _quantiles(logs: Floats, times: float, light: bool) -> Floats:
    """What each row exceeds once in so many values; a tail lighter than Gumbel's only where it may be `light`."""
    mean, spread, skew, known = _l_moments(logs)
    told = known >= _FEWEST_PARTS
    rows = int(told.sum())
    if rows:
        usual = float(np.median(spread[told]))
        weight = rows / (rows + _FEWEST_ROWS)
        # Who is young has not shown yet how high it goes, and is taken to go as high as the others do.
        mean = np.where(told, mean, np.fmax(mean, float(np.average(mean[told], weights=known[told]))))
        prior = weight * usual + (1 - weight) * PRIOR_SCALE * log(2)
        total = float(known[told].sum())
        shape = _shape(float(np.median(np.nan_to_num(skew[told], nan=_GUMBEL_SKEW))))
        shape = (shape if light else min(shape, 0.0)) * total / (total + PRIOR_SHAPE_PARTS)
    else:
        prior, shape = PRIOR_SCALE * log(2), 0.0
    spread = _shrunk(np.nan_to_num(spread), np.maximum(known, 1), prior, told if rows >= FEWEST_ALIKE else None)
    often = -log(1 - 1 / max(times, 1.0 + 1e-9)) if times > 1 else 30.0
    if abs(shape) < 1e-6:
        found: Floats = mean + spread / log(2) * (-log(often) - _EULER)
        return found
    g = gamma(1 + shape)
    found = mean + spread / ((1 - 2**-shape) * g) * (g - often**shape)
    return found


def _shrunk(spread: Floats, known: NDArray[np.int64], prior: float, told: NDArray[np.bool_] | None) -> Floats:
    """Spreads drawn to the prior. Where enough rows are `told`, as far as they differ by no more than chance (James and
    Stein 1961); else as by so many parts."""
    if told is None:
        return (known * spread + PRIOR_PARTS * prior) / (known + PRIOR_PARTS)
    chance = (_CHANCE * prior) ** 2 / known
    between = max(float(np.var(spread[told])) - float(chance[told].mean()), 0.0)
    found: Floats = (between * spread + chance * prior) / np.maximum(between + chance, 1e-300)
    return found


def _shape(skew: float) -> float:
    """The shape k of the generalised extreme value distribution with an L-skewness (Hosking 1985); 0 is Gumbel's,
    positive is a lighter tail."""
    c = 2 / (3 + skew) - log(2) / log(3)
    return float(np.clip(7.8590 * c + 2.9554 * c * c, -_LARGEST_SHAPE, _LARGEST_SHAPE))


def _l_moments(values: Floats) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Of each row the first two L-moments, the L-skewness, and how many values are known (rows x values, NaN
    unknown)."""
    ordered = np.sort(values, axis=1)
    known = np.isfinite(ordered).sum(axis=1)
    count = np.maximum(known, 1)[:, None]
    place = np.arange(values.shape[1])[None, :]
    filled = np.where(place < count, np.nan_to_num(ordered), 0.0)
    b0 = filled.sum(axis=1) / count[:, 0]
    b1 = (filled * place).sum(axis=1) / count[:, 0] / np.maximum(count[:, 0] - 1, 1)
    b2 = (filled * place * (place - 1)).sum(axis=1) / count[:, 0]
    b2 = b2 / np.maximum((count[:, 0] - 1) * (count[:, 0] - 2), 1)
    second = np.where(known >= 2, 2 * b1 - b0, np.nan)
    third = np.where(known >= 3, 6 * b2 - 6 * b1 + b0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.where(second > 1e-9, third / second, np.nan)
    return b0, second, skew, known
