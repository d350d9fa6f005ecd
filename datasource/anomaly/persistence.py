"""Alarms are what persists: `points` of the last `of` scores above 1, or two in a row far above."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import MERGED, NEVER, STRONG_POINTS
from datasource.data import Floats

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


def newest_points(scores: Sequence[Floats], points: int) -> Floats:
    """The newest `points` of scores (each by time), scores x points; NaN before the first of one that has fewer."""
    last = [score[-points:] for score in scores]
    together = np.concatenate(last) if last else np.empty(0)
    if together.size == len(last) * points:
        return together.reshape(len(last), points)
    found: Floats = np.full((len(last), points), np.nan)
    for row, score in zip(found, last, strict=True):
        row[points - score.size :] = score
    return found


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


def since(score: Floats, points: int, of: int, patience: int, strong: float = NEVER) -> int:
    """Place of the first point of the stretch that reaches up to now, 0 for the newest point, -1 for the one before.

    A stretch is made of windows of `of` points of which `points` are above 1, or the last two above `strong`, with at
    most `patience` points between two of them. `score` is by time; where nothing persists it is the newest point.
    """
    ends = np.flatnonzero(persisting(score, Persistence(points, of), strong) > 1)
    if not ends.size:
        return 0
    breaks = np.flatnonzero(np.diff(ends) > patience)
    last = int(ends[breaks[-1] + 1] if breaks.size else ends[0])
    window = max(0, last - of + 1)
    return window + int(np.argmax(score[window : last + 1] > 1)) - score.size + 1
