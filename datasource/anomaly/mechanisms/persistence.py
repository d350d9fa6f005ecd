"""Alarms are what persists: `points` of the last `of` scores above 1."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datasource.telemetry import Floats


class Persistence(NamedTuple):
    """An alarm is `points` of the last `of` scores above 1."""

    points: int = 3
    of: int = 5


USUAL = Persistence()


def persisting(score: Floats, persistence: Persistence) -> Floats:
    """By time, the `points`-th largest of the last `of` scores: above 1 is an alarm. What is not known counts as 0."""
    points, of = persistence
    known = np.concatenate([np.zeros(of - 1), np.nan_to_num(score, nan=0.0)])
    windows = sliding_window_view(known, of)
    found: Floats = np.partition(windows, of - points, axis=-1)[:, of - points]
    return found


class Watched(NamedTuple):
    """What one score of one variable did in a quiet time: where (`places`, steps) it persisted above 0 and how high
    (`heights`), of how many steps it was known, and whether it `alarms` when it persists above 1."""

    group: tuple[str, str]
    alarms: bool
    places: NDArray[np.int64]
    heights: Floats
    steps: int

    def peaks(self, start: float, gap: int, part: NDArray[np.bool_] | None = None) -> Floats:
        """The highest of every episode above `start`; episodes are more than `gap` steps apart. `part` says by step
        which are looked at, all without it."""
        above = self.heights > start
        if part is not None:
            above &= part[self.places]
        places, heights = self.places[above], self.heights[above]
        if not places.size:
            return heights
        begins = np.concatenate([[0], np.flatnonzero(np.diff(places) > gap) + 1])
        found: Floats = np.maximum.reduceat(heights, begins)
        return found


def watch(group: tuple[str, str], alarms: bool, score: Floats, persistence: Persistence) -> Watched:
    """What a score did; where it is NaN, nothing is known."""
    found = persisting(score, persistence)
    above = np.flatnonzero(found > 0)
    if above.size > score.size // 4:
        above = above[found[above] >= np.quantile(found[above], 0.5)]
    return Watched(group, alarms, above, found[above], int(np.isfinite(score).sum()))
