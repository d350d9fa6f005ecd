"""Alarms are what persists: `points` of the last `of` scores above 1, or two in a row far above."""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.mechanisms.constants import MERGED, NEVER, STRONG_POINTS
from datasource.telemetry import Floats

Real = TypeVar("Real", bound=NDArray[np.floating])


class Persistence(NamedTuple):
    """An alarm is `points` of the last `of` scores above 1."""

    points: int = 3
    of: int = 5

    @property
    def apart(self) -> int:
        """Alarms that are less than so many points apart are one episode."""
        return MERGED * self.of


USUAL = Persistence()


def kth_largest(values: Real, points: int, of: int) -> Real:
    """By time (the last axis), the `points`-th largest of the last `of` values; before the first there are zeros.

    An insertion network over shifted copies: for the short windows of alarms faster than sorting each.
    """
    n = values.shape[-1]
    shape = values.shape
    best = [np.full(shape, -np.inf, values.dtype) for _ in range(points)]
    for back in range(of):
        shifted = np.zeros(shape, values.dtype)
        if back < n:
            shifted[..., back:] = values[..., : n - back]
        for place in range(points):
            smaller = np.minimum(best[place], shifted)
            np.maximum(best[place], shifted, out=best[place])
            shifted = smaller
    return best[-1]  # type: ignore[return-value]


def persisting(score: Floats, persistence: Persistence, strong: float = NEVER) -> Floats:
    """By time, how high a score persists: above 1 is an alarm. What is not known counts as 0.

    The `points`-th largest of the last `of`, or the smaller of the last two over `strong`, whichever is more. With
    fewer than two `points` the second adds nothing.
    """
    known = np.nan_to_num(score, nan=0.0, posinf=np.inf)
    found: Floats = kth_largest(known, *persistence)
    if strong < NEVER and persistence.points > STRONG_POINTS:
        found = np.maximum(found, kth_largest(known, STRONG_POINTS, STRONG_POINTS) / strong)
    return found
