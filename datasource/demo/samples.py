"""Samples in memory: label sets, each with its own times and values."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

LOOKBACK_MS = 5 * 60 * 1000
KEEP_MS = 3 * 24 * 3600 * 1000

Labels = Mapping[str, str]
Matches = Callable[[Labels], bool]


class StoredSeries:
    """One series: its labels, with `__name__`, and its samples in the order of time (milliseconds)."""

    def __init__(self, labels: Labels) -> None:
        self.labels = dict(sorted(labels.items()))
        self.times = array("q")
        self.values = array("d")

    def extend(self, times: Iterable[int], values: Iterable[float], keep_ms: int) -> None:
        """Append samples; drop those older than `keep_ms` before the newest, some of them at a time."""
        self.times.extend(times)
        self.values.extend(values)
        oldest = self.times[-1] - keep_ms
        if self.times[0] < oldest - keep_ms // 10:
            stale = int(np.searchsorted(np.array(self.times), oldest))
            del self.times[:stale]
            del self.values[:stale]

    def at(self, grid: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The points of `grid` (milliseconds, ascending) that have a value, and the values.

        The value at a time is the newest sample no more than five minutes older.
        """
        times, values = np.array(self.times, dtype=np.int64), np.array(self.values)
        newest = np.searchsorted(times, grid, side="right") - 1
        known = newest >= 0
        known[known] = grid[known] - times[newest[known]] <= LOOKBACK_MS
        return grid[known], values[newest[known]]

    def touches(self, start: int, end: int) -> bool:
        """Whether it has a sample in [start, end] (milliseconds)."""
        first = int(np.searchsorted(np.array(self.times, dtype=np.int64), start))
        return first < len(self.times) and self.times[first] <= end


class SampleStore:
    """All series; `lock` is held while they are written, and to be held while they are read."""

    def __init__(self, keep_ms: int = KEEP_MS) -> None:
        self.lock = threading.Lock()
        self._keep_ms = keep_ms
        self._series: dict[tuple[tuple[str, str], ...], StoredSeries] = {}

    def extend(self, labels: Labels, times: Sequence[int], values: Sequence[float]) -> None:
        """Append samples (times in milliseconds, later than those stored) to the series with these labels."""
        if not times:
            return
        with self.lock:
            key = tuple(sorted(labels.items()))
            series = self._series.get(key) or self._series.setdefault(key, StoredSeries(labels))
            series.extend(times, values, self._keep_ms)

    def select(self, matches: Matches) -> list[StoredSeries]:
        """The series that match, sorted by their labels."""
        return [self._series[key] for key in sorted(self._series) if matches(self._series[key].labels)]
