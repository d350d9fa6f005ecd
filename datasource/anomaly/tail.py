"""The tail of rare events: how large is what happens less often than the data can show?"""

from math import log
from typing import NamedTuple

import numpy as np

from datasource.data import Floats

_SHAPES = -0.4, 0.4
"""Limits of the shape of a generalised Pareto distribution."""
_PRIOR_SHAPE, _PRIOR_EVENTS = 0.05, 25.0
"""With few events the shape is drawn towards a tail a little heavier than exponential, as if so many had shown it."""
_FEWEST = 5
"""Events from which a shape is fitted."""
_STARTS = 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98
"""Quantiles of heights above which episodes are looked for."""
_ALONE = 1.5
"""One peak stands alone when it is so many times as high as all others."""
_MOST_PEAKS, _FEWEST_PEAKS, _SHARE_OF_PEAKS = 400, 30, 0.3
"""The tail is fitted on this share of the peaks, on so many at most and at least."""


class Tail(NamedTuple):
    """Peaks over a threshold: beyond `start`, `rate` independent events per day, their excess generalised Pareto."""

    start: float
    rate: float
    scale: float
    shape: float

    def level(self, rate: float) -> float:
        """What is exceeded `rate` times a day; `start` where it is exceeded less often than that."""
        if self.rate <= rate or self.rate <= 0:
            return self.start
        times = self.rate / rate
        if abs(self.shape) < 1e-6:
            return self.start + self.scale * log(times)
        return self.start + self.scale / self.shape * float(times**self.shape - 1)


def fit_tail(peaks: Floats, start: float, days: float) -> Tail:
    """Fit the excess of independent peaks (n,) over `start`, seen within `days`.

    Probability-weighted moments of the generalised Pareto distribution (Hosking & Wallis 1987), which exist for few
    peaks as well; the shape is drawn towards a nearly exponential one as long as there are few.
    """
    excess = np.sort(peaks[peaks > start] - start)
    count = excess.size
    if count == 0:
        return Tail(start, 0.0, 0.0, 0.0)
    mean = float(excess.mean())
    shape = _PRIOR_SHAPE
    if count >= _FEWEST:
        weights = (count - 1 - np.arange(count)) / (count - 1)
        second = float((weights * excess).mean())
        if mean > 2 * second > 0:
            found = float(np.clip(2 - mean / (mean - 2 * second), *_SHAPES))
            shape = (count * found + _PRIOR_EVENTS * _PRIOR_SHAPE) / (count + _PRIOR_EVENTS)
    return Tail(start, count / days, mean * (1 - shape), shape)


def peaks_of(heights: Floats, start: float, apart: int) -> Floats:
    """The highest of every episode above `start` in heights by time; episodes are at least `apart` points apart."""
    places = np.flatnonzero(heights > start)
    if not places.size:
        return np.empty(0)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(places) > apart) + 1])
    found: Floats = np.maximum.reduceat(heights[places], begins)
    return found


def tail_of(heights: Floats, days: float, apart: int) -> Tail | None:
    """The tail of the episodes of heights by time, seen within `days`; None where there are none.

    Episodes are looked for above several starts, and taken where there are most of them.
    """
    positive = heights[heights > 0]
    if not positive.size or days <= 0:
        return None
    best: Floats = np.empty(0)
    chosen = 0.0
    for start in (0.0, *np.quantile(positive, _STARTS).tolist()):
        peaks = peaks_of(heights, start, apart)
        if peaks.size > best.size or peaks.size > _MOST_PEAKS:
            best, chosen = peaks, start
    if best.size > _FEWEST_PEAKS:
        most = min(_MOST_PEAKS, max(_FEWEST_PEAKS, int(_SHARE_OF_PEAKS * best.size)))
        chosen = float(np.partition(best, best.size - most)[best.size - most])
    return fit_tail(_without_one(best), chosen, days)


def _without_one(peaks: Floats) -> Floats:
    """The peaks without the highest, where that stands alone: nothing is learnt from what came once."""
    if peaks.size < 3:
        return peaks
    second, highest = np.sort(peaks)[-2:]
    return np.minimum(peaks, second) if highest > _ALONE * second else peaks
