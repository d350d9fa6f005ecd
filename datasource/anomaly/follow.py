"""Levels that move: slow drift is followed, and a new level that lasts is accepted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import ACCEPTED_AFTER, ACCEPTED_AT_LEAST, ACCEPTED_SHARE, HALF_LIFE, LARGEST_PULL
from datasource.data import Floats

_FORGIVES = 4
"""Time inside takes back so many times as much time outside."""
_OFTEN = 900
"""A level moves once in so many seconds."""
_MOSTLY = 0.8
"""Most points of that time have to be outside."""


class Followed(NamedTuple):
    """`gaps` (variables x times) that are left when the level has followed, and where the `level` (variables) is
    then."""

    gaps: Floats
    level: Floats


def pull(gaps: Floats, seconds: float) -> Floats:
    """By how much levels move towards their gaps, in reference widths, `seconds` after the last time.

    An exponentially weighted mean with a half-life of a day, in which no gap counts for more than 1.5 widths: a fault
    moves it little, drift is followed.
    """
    share: float = 1 - 0.5 ** (seconds / HALF_LIFE)
    moved: Floats = share * np.clip(gaps, -LARGEST_PULL, LARGEST_PULL)
    return moved


def accepted_after(baseline: float) -> float:
    """How long (seconds) a new level has to last until it is usual, for a baseline of so many seconds."""
    return min(ACCEPTED_AFTER, max(ACCEPTED_SHARE * baseline, ACCEPTED_AT_LEAST))


def follow(gaps: Floats, times: NDArray[np.int64], lasting: float) -> Followed:
    """Follow the gaps (variables x times, in reference widths, NaN where unknown) of a fixed expected value.

    `times` are seconds. The level moves every quarter of an hour, or with each point where these come less often. What
    stays beyond 1.5 widths on one side for `lasting` seconds is a new level: the level goes to its median.
    """
    rows, n = gaps.shape
    level, outside, side = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    left = np.empty_like(gaps)
    begins = np.flatnonzero(np.diff(times // _OFTEN, prepend=-1))
    ends = np.append(begins[1:], n)
    passed = np.minimum(np.diff(times[ends - 1], prepend=times[:1]), HALF_LIFE).astype(float)
    shares = 1 - 0.5 ** (passed / HALF_LIFE)
    for begin, end, share, seconds in zip(
        begins.tolist(), ends.tolist(), shares.tolist(), passed.tolist(), strict=True
    ):
        gap = gaps[:, begin:end] - level[:, None]
        left[:, begin:end] = gap
        known = np.isfinite(gap)
        count = np.maximum(known.sum(axis=1), 1)
        near = np.where(known, np.minimum(np.maximum(gap, -LARGEST_PULL), LARGEST_PULL), 0.0)
        middle = near.sum(axis=1) / count
        level = level + share * middle
        beyond = np.abs(middle) > _MOSTLY * LARGEST_PULL
        if beyond.any() or outside.any():
            sides = np.where(beyond, np.sign(middle), side)
            since = np.where(sides == side, outside, 0.0)
            outside = np.maximum(np.where(beyond, since + seconds, outside - _FORGIVES * seconds), 0.0)
            side = sides
            for row in np.flatnonzero(outside >= lasting):
                first = np.searchsorted(times, times[end - 1] - lasting / 2)
                level[row] = np.nanmedian(gaps[row, first:end])
                outside[row] = 0.0
    return Followed(left, level)
