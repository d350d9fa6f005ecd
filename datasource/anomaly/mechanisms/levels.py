"""How high the persisting scores of each variable of a group go, as rarely as is asked for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.mechanisms.persistence import Watched
from datasource.anomaly.mechanisms.tail import Tail, fit_tail
from datasource.telemetry import Floats

_DAY = 86400.0
_STARTS = 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98
"""Episodes are looked for above each of these quantiles, and taken where there are most of them."""
_MOST_PEAKS, _FEWEST_PEAKS, _SHARE_OF_PEAKS = 400, 30, 0.3
_OWN_STARTS = 0.6, 0.85
_MOST_OWN, _FEWEST_OWN, _SHARE_OF_OWN = 30, 5, 0.4
_PRIOR_PEAKS, _PRIOR_OWN = 5.0, 10.0
_USUAL_SHAPE, _USUAL_EXCESS = 0.05, 0.3
_PARTS = 6
_SURPRISE = 1.2
"""Where a part of the time goes so much higher than the others say, the variable itself is given a wider interval, so
that not everybody is."""

Steps = NDArray[np.bool_]


class Group:
    """The variables of one signal and kind of score, watched for the same `columns` steps of `step` seconds."""

    def __init__(self, members: Sequence[Watched], columns: int, step: int, gap: int) -> None:
        self._members, self._step, self._gap = members, step, gap
        self._starts = [_own_start(one, gap) for one in members]
        self._pooled = pooled_tail(members, sum(one.steps for one in members) * step / _DAY, gap)
        part = np.arange(columns) * _PARTS // max(columns, 1)
        self._parts = [part == number for number in range(_PARTS)]

    def levels(self, rate: float) -> list[tuple[float, Floats]]:
        """Of each member the level that it exceeds `rate` times a day, and its heights over what the other parts of the
        time say that this level is: what new days will look like."""
        if self._pooled is None:
            return [(1.0, one.heights) for one in self._members]
        whole = self._levels(self._pooled, rate)
        judged = [one.heights.copy() for one in self._members]
        for part in self._parts:
            others = self._levels(self._pooled, rate, ~part)
            for one, heights, level in zip(self._members, judged, others, strict=True):
                heights[part[one.places]] /= level
        found = []
        for level, heights in zip(whole, judged, strict=True):
            surprise = max(float(heights.max(initial=0.0)) / _SURPRISE, 1.0)
            found.append((level * surprise, heights / surprise))
        return found

    def _levels(self, pooled: Tail, rate: float, part: Steps | None = None) -> list[float]:
        """The geometric mean of what each member's own tail says and what the group's does."""
        tails = [
            _own_tail(one.peaks(start, self._gap, part), _days(one, self._step, part))
            for one, start in zip(self._members, self._starts, strict=True)
        ]
        shapes = [tail.excess / tail.excess.mean() for tail in tails if tail.tells]
        shape = fit_tail(np.concatenate(shapes), 0.0, 1.0).shape if shapes else _USUAL_SHAPE
        relative = [float(tail.excess.mean()) / tail.start for tail in tails if tail.tells and tail.start > 0]
        usual = float(np.median(relative)) if relative else _USUAL_EXCESS
        return [
            float(np.sqrt(tail.level(rate, shape, usual) * self._by_the_group(one, pooled, rate, part)))
            for one, tail in zip(self._members, tails, strict=True)
        ]

    def _by_the_group(self, one: Watched, pooled: Tail, rate: float, part: Steps | None) -> float:
        """The group's tail counts as much as so many peaks of its own (a gamma prior of their rate and mean excess)."""
        if pooled.rate <= 0:
            return pooled.start or 1.0
        peaks = one.peaks(pooled.start, self._gap, part)
        count = peaks.size + _PRIOR_PEAKS
        often = count / (_days(one, self._step, part) + _PRIOR_PEAKS / pooled.rate)
        usual = pooled.scale / (1 - pooled.shape)
        scale = (float((peaks - pooled.start).sum()) + _PRIOR_PEAKS * usual) / count * (1 - pooled.shape)
        return Tail(pooled.start, often, scale, pooled.shape).level(rate) or 1.0


class _OwnTail(NamedTuple):
    """The highest peaks of one variable: their excess over `start`, seen within `days`."""

    start: float
    excess: Floats
    days: float

    @property
    def tells(self) -> bool:
        """Whether there are enough peaks to learn a shape from."""
        return self.excess.size >= _FEWEST_OWN and bool(self.excess.mean() > 0)

    def level(self, rate: float, shape: float, usual: float) -> float:
        """What is exceeded `rate` times a day; `usual` is the mean excess over the start elsewhere in the group."""
        count = self.excess.size
        if not count or self.days <= 0:
            return self.start or 1.0
        mean = (float(self.excess.sum()) + _PRIOR_OWN * usual * self.start) / (count + _PRIOR_OWN)
        return Tail(self.start, count / self.days, mean * (1 - shape), shape).level(rate) or 1.0


def _own_start(one: Watched, gap: int) -> float:
    """The height above which a variable has most episodes."""
    starts = (0.0, *np.quantile(one.heights, _OWN_STARTS).tolist()) if one.heights.size else (0.0,)
    return float(max(starts, key=lambda start: one.peaks(start, gap).size))


def _own_tail(peaks: Floats, days: float) -> _OwnTail:
    ordered = np.sort(peaks)[::-1]
    kept = min(_MOST_OWN, max(_FEWEST_OWN, int(_SHARE_OF_OWN * ordered.size)))
    start = float(ordered[kept]) if ordered.size > kept else 0.0
    return _OwnTail(start, ordered[:kept] - start, days)


def _days(one: Watched, step: int, part: Steps | None) -> float:
    return one.steps * step / _DAY * (1.0 if part is None else float(part.mean()))


def pooled_tail(watched: Sequence[Watched], days: float, gap: int) -> Tail | None:
    """The tail of all episodes together, seen within `days`; None where there are none."""
    heights = np.concatenate([one.heights for one in watched])
    heights = heights[heights > 0]
    if not heights.size or days <= 0:
        return None
    best: Floats = np.empty(0)
    chosen = 0.0
    for start in (0.0, *np.quantile(heights, _STARTS).tolist()):
        peaks = np.concatenate([one.peaks(start, gap) for one in watched])
        if peaks.size > best.size or peaks.size > _MOST_PEAKS:
            best, chosen = peaks, start
    if best.size > _FEWEST_PEAKS:
        most = min(_MOST_PEAKS, max(_FEWEST_PEAKS, int(_SHARE_OF_PEAKS * best.size)))
        chosen = float(np.partition(best, best.size - most)[best.size - most])
    return fit_tail(best, chosen, days)
