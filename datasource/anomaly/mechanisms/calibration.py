"""Scores calibrated to a promise: so many false alarm episodes a day, of the whole installation.

An alarm is an episode in which `points` of the last `of` scores are above 1, so what is calibrated is the score that
persists: at each time the `points`-th largest of the last `of`. Its episodes are taken apart (declustered), those of
all variables of a signal are pooled, and a generalised Pareto tail says by what factor the intervals of the signal have
to be wider so that all variables together keep the promise. That counts every variable's episodes; as those of one
wobble come together, a last factor is found from the episodes of the whole installation.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datasource.anomaly.mechanisms.tail import fit_tail
from datasource.telemetry import Floats

_DAY = 86400.0
_REACH = 10.0
"""A tail is believed to so many times the time in which it was seen."""
_STARTS = 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98
"""Episodes are looked for above each of these quantiles, and taken where there are most of them."""
_MOST_PEAKS, _FEWEST_PEAKS, _SHARE_OF_PEAKS = 400, 30, 0.3
_SMALLEST, _LARGEST = 0.5, 4.0
"""The last factor stays between these."""


class Persistence(NamedTuple):
    """An alarm is `points` of the last `of` scores above 1."""

    points: int = 3
    of: int = 5


USUAL = Persistence()


class Watched(NamedTuple):
    """What one score of one variable did in a quiet time: where (`places`, steps) it persisted above 0 and how high
    (`heights`), of how many steps it was known, and whether it `alarms` when it persists above 1."""

    group: tuple[str, str]
    alarms: bool
    places: NDArray[np.int64]
    heights: Floats
    steps: int


class Calibration(NamedTuple):
    """By what the intervals of a signal's scores are to be multiplied, by (signal, kind of score), and the smallest
    number of false alarm episodes a day that the data can promise."""

    factors: Mapping[tuple[str, str], float]
    supported: float


def persisting(score: Floats, persistence: Persistence) -> Floats:
    """By time, the `points`-th largest of the last `of` scores: above 1 is an alarm. What is not known counts as 0."""
    points, of = persistence
    known = np.concatenate([np.zeros(of - 1), np.nan_to_num(score, nan=0.0)])
    windows = sliding_window_view(known, of)
    found: Floats = np.partition(windows, of - points, axis=-1)[:, of - points]
    return found


def watch(group: tuple[str, str], alarms: bool, score: Floats, persistence: Persistence) -> Watched:
    """What a score did; where it is NaN, nothing is known."""
    found = persisting(score, persistence)
    above = np.flatnonzero(found > 0)
    if above.size > score.size // 4:
        above = above[found[above] >= np.quantile(found[above], 0.5)]
    return Watched(group, alarms, above, found[above], int(np.isfinite(score).sum()))


def calibrate(
    watched: Sequence[Watched], columns: int, step: int, false_alarms_per_day: float, persistence: Persistence
) -> Calibration:
    """Factors for the intervals of every group. `columns` is the length of the time that all were watched in, a point
    every `step` seconds; groups in which nothing is to be seen keep the factor 1."""
    days = columns * step / _DAY
    supported = 1 / (_REACH * days) if days else float("inf")
    alone = false_alarms_per_day / max(1, sum(one.alarms for one in watched))
    groups: dict[tuple[str, str], list[Watched]] = {}
    for one in watched:
        groups.setdefault(one.group, []).append(one)
    factors = {
        group: _level(members, days=sum(one.steps for one in members) * step / _DAY, rate=alone, gap=persistence.of)
        for group, members in groups.items()
    }
    together = np.zeros(columns)
    for one in (one for one in watched if one.alarms):
        np.maximum.at(together, one.places, one.heights / factors[one.group])
    everything = Watched(("", ""), True, np.arange(columns), together, columns)
    last = min(max(_level([everything], days, false_alarms_per_day, persistence.of), _SMALLEST), _LARGEST)
    return Calibration({group: factor * last for group, factor in factors.items()}, supported)


def _level(watched: Sequence[Watched], days: float, rate: float, gap: int) -> float:
    """What the episodes of a group exceed `rate` times a day; 1 where there are none."""
    heights = np.concatenate([one.heights for one in watched])
    heights = heights[heights > 0]
    if not heights.size or days <= 0:
        return 1.0
    best: Floats = np.empty(0)
    chosen = 0.0
    for start in (0.0, *np.quantile(heights, _STARTS).tolist()):
        peaks = np.concatenate([_peaks(one, start, gap) for one in watched])
        if peaks.size > best.size or peaks.size > _MOST_PEAKS:
            best, chosen = peaks, start
    if best.size > _FEWEST_PEAKS:
        most = min(_MOST_PEAKS, max(_FEWEST_PEAKS, int(_SHARE_OF_PEAKS * best.size)))
        chosen = float(np.partition(best, best.size - most)[best.size - most])
    return fit_tail(best, chosen, days).level(rate) or 1.0


def _peaks(one: Watched, start: float, gap: int) -> Floats:
    """The highest of every episode above `start`; episodes are more than `gap` steps apart."""
    above = one.heights > start
    places, heights = one.places[above], one.heights[above]
    if not places.size:
        return heights
    begins = np.concatenate([[0], np.flatnonzero(np.diff(places) > gap) + 1])
    found: Floats = np.maximum.reduceat(heights, begins)
    return found


class Episodes(NamedTuple):
    """Alarm episodes of a time of so many `days`, and how many times each signal was in one."""

    episodes: int
    days: float
    by_signal: Counter[str]

    @property
    def per_day(self) -> float:
        """Episodes a day; 0 for no time."""
        return self.episodes / self.days if self.days else 0.0


def count_episodes(
    alarms: Iterable[tuple[str, NDArray[np.bool_]]], columns: int, step: int, persistence: Persistence
) -> Episodes:
    """Count the episodes of the whole installation. `alarms` are signals and at which of the `columns` they alarm."""
    together = np.zeros(columns, dtype=np.bool_)
    by_signal: Counter[str] = Counter()
    for signal, alarm in alarms:
        together |= alarm
        by_signal[signal] += int(_begins(alarm, persistence.of))
    return Episodes(_begins(together, persistence.of), columns * step / _DAY, +by_signal)


def _begins(alarm: NDArray[np.bool_], gap: int) -> int:
    places = np.flatnonzero(alarm)
    return int(places.size > 0) + int((np.diff(places) > gap).sum())
