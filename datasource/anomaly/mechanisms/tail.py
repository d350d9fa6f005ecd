"""The tail of rare events: how large is what happens less often than the data can show?"""

from math import log
from typing import NamedTuple

import numpy as np

from datasource.telemetry import Floats

_SHAPES = -0.4, 0.4
_PRIOR_SHAPE, _PRIOR_EVENTS = 0.05, 25.0
"""With few events the shape is drawn towards a tail a little heavier than exponential, as if so many had shown it."""
_FEWEST = 5


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
