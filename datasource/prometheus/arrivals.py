"""When samples come: how late each signal is, and from when on it is to be read again."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Variable

Flags = NDArray[np.bool_]

OVERLAP = 3
"""Points read again at every update, behind the newest one that most series of a signal have."""
_REACH = 600
_REACH_STEPS = 20
"""No farther than ten minutes or twenty steps: so long do queues of remote write, batches of pushed samples and
out-of-order windows usually take, and a signal that has ended is not asked for its past for ever."""
_OUTAGE = 7200
"""What was missing longer is read once, when it comes: Prometheus keeps two hours for those who receive its writes."""
_REMEMBERED = 5
"""For so many updates a signal is read as far back as something came late."""
_PERSISTENT = 3
_JUDGED = 20
"""A signal is late when something came late at half of the last twenty updates that brought anything, and at three."""
_SHARE = 0.1
"""What comes late for a smaller share of a signal's series says nothing of the signal."""
_ALIKE = 0.01
"""Values that differ by a smaller share are the same: sums in another order, the other one of two replicas."""


def reach(step: int) -> int:
    """How far back (seconds) a sample may still be on its way.

    >>> reach(30), reach(300)
    (600, 6000)
    """
    return max(_REACH // step, _REACH_STEPS) * step


@dataclass
class _Arrival:
    """What is known of one signal: from when on (seconds) it is read next, when it was last read as far back as can be,
    how late something came at the last updates, and how late a good part of it did when something came."""

    start: int
    probed: int
    recently: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    late: deque[int] = field(default_factory=lambda: deque(maxlen=_JUDGED))


class Arrivals:
    """Learns from every update of a growing matrix which samples had not been there before."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.reach = reach(step)
        self._signals: dict[str, _Arrival] = {}
        self._variables: tuple[Variable, ...] = ()
        self._rows: dict[str, NDArray[np.int64]] = {}

    @property
    def starts(self) -> Mapping[str, int]:
        """From when on (seconds) each signal is to be read again."""
        return {name: one.start for name, one in self._signals.items()}

    def lateness(self, signal: str) -> int:
        """How late (seconds) a signal's samples usually come, beyond the offset; 0 where they are in time."""
        seen = self._signals[signal].late if signal in self._signals else ()
        late = [by for by in seen if by]
        return int(np.median(late)) if len(late) >= _PERSISTENT and 2 * len(late) >= len(seen) else 0

    def note(self, before: Matrix, after: Matrix, spans: Mapping[str, tuple[int, int]]) -> None:
        """Compare what was known before with what is known after reading some signals in `spans` (seconds)."""
        if after.variables != self._variables:
            self._variables, self._rows = after.variables, _rows_by_signal(after)
        places = _places(before, after)
        for name, (first, end) in spans.items():
            rows = self._rows.get(name, np.empty(0, dtype=np.int64))
            hole = None
            if name not in self._signals or first <= after.start:
                self._signals[name] = _Arrival(end, end)
            elif rows.size and first <= before.end:
                hole = self._compare(self._signals[name], before, places[rows], after, rows, first, end)
            self._plan(self._signals[name], np.isfinite(_between(after, rows, end - self.reach, end)), end, hole)

    def _compare(
        self,
        one: _Arrival,
        before: Matrix,
        places: NDArray[np.int64],
        after: Matrix,
        rows: NDArray[np.int64],
        first: int,
        end: int,
    ) -> int | None:
        """Remember what had not been there, or otherwise. Where it comes after a hole, the time before that.

        `places` are the rows in `before`, -1 where a variable was not there.
        """
        now, then = (_between(*one, first, before.end) for one in ((after, rows), (before, places)))
        then = np.where(places[:, None] < 0, np.nan, then)
        came = np.isfinite(now) & ~np.isfinite(then)
        other = came | (np.abs(now - then) > _ALIKE * np.maximum(np.abs(now), np.abs(then)))
        by = end - first - self.step * np.arange(now.shape[1])
        late = int(by[other.any(axis=0)].max(initial=0))
        if end > before.end or late:
            one.recently.append(late)
        alive = int(np.isfinite(now).any(axis=1).sum())
        most = int(by[other.sum(axis=0) >= max(1.0, _SHARE * alive)].max(initial=0))
        if most or np.isfinite(_between(after, rows, max(first, before.end + self.step), end)).any():
            one.late.append(most)
        return self._before_hole(after, rows[came[:, 0]], first, end)

    def _before_hole(self, after: Matrix, rows: NDArray[np.int64], first: int, end: int) -> int | None:
        """The newest time before `first` at which most of these series had a sample, two hours back at most; None
        where they had none at all."""
        there = np.isfinite(_between(after, rows, after.start, first - self.step))
        there = there[there.any(axis=1)]
        if not there.size:
            return None
        newest = int(np.flatnonzero(2 * there.sum(axis=0) >= there.sum(axis=0).max())[-1])
        return max(after.start + newest * self.step, end - _OUTAGE)

    def _plan(self, one: _Arrival, there: Flags, end: int, hole: int | None) -> None:
        """From when on to read next: behind what most series have, what came late lately, and now and then as far back
        as can be where a series is missing."""
        counts = there.sum(axis=0)
        alive = there.any(axis=1)
        oldest = end - self.reach - (OVERLAP - 1) * self.step
        if not alive.any():
            one.start = oldest
        else:
            missing = counts.size - 1 - int(np.flatnonzero(2 * counts >= counts.max())[-1])
            back = [missing, *(late // self.step for late in one.recently if late)]
            one.start = max(oldest, end - (max(back) + OVERLAP - 1) * self.step)
            behind = bool((alive & ~there[:, -OVERLAP:].any(axis=1)).any())
            if behind and 2 * (end - one.probed) >= self.reach:  # sooner than it is taken for gone
                one.start, one.probed = oldest, end
        if hole is not None:
            one.start = min(one.start, hole)


def _between(matrix: Matrix, rows: NDArray[np.int64], first: int, last: int) -> Floats:
    """Some rows from one time to another (seconds), as far as the matrix has them."""
    start, stop = ((time - matrix.start) // matrix.step for time in (first, last + matrix.step))
    return matrix.values[rows, max(0, start) : max(0, stop)]


def _rows_by_signal(matrix: Matrix) -> dict[str, NDArray[np.int64]]:
    rows: dict[str, list[int]] = {}
    for row, variable in enumerate(matrix.variables):
        rows.setdefault(variable.signal, []).append(row)
    return {signal: np.array(own, dtype=np.int64) for signal, own in rows.items()}


def _places(before: Matrix, after: Matrix) -> NDArray[np.int64]:
    """Where each row of `after` was in `before`; -1 where it was not."""
    known = len(before.variables)
    places = np.arange(len(after.variables))
    if before.variables == after.variables[:known]:
        return np.where(places < known, places, -1)
    rows = {variable: row for row, variable in enumerate(before.variables)}
    return np.array([rows.get(variable, -1) for variable in after.variables], dtype=np.int64)
