"""Thresholds that keep the promise, chosen on the first part of a replay and tried on the rest."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import NamedTuple

import numpy as np

from datasource.anomaly.tail import fit_tail
from datasource.data import Floats
from datasource.replay.alarms import Flags, Replay, anywhere, episodes_of
from datasource.replay.backtest import during
from datasource.replay.recorded import Recorded
from datasource.service.rates import Rate, poisson_rate

CHOSEN_ON = 0.6
"""The share of the replay that thresholds are chosen on."""
_ENOUGH = 5.0
"""So many episodes make a frequency that can be counted; for fewer a tail is fitted."""
_TAIL_EPISODES = 30
_FINE = 0.98
"""Levels are looked at in steps of 2%."""
_NEEDLESS = 0.8
"""An interval is needlessly wide when this share of it would do."""
_NARROWEST = 0.5
"""The smallest factor that is proposed: an interval also keeps out what is too small to matter."""


class TuningOutcome(NamedTuple):
    """How the held-out part fared: false alarm episodes, and how many of its recorded incidents were detected."""

    rate: Rate
    episodes: int
    detected: int
    incidents: int


class Tuning(NamedTuple):
    """`thresholds` are those of the settings that change, by signal; `widened` by how much each interval changes.

    `before` and `after` say how the days after those chosen on fared. Where `met` is False, not even the proposed
    thresholds keep the promise there, and `blamed` are the signals that break it, most first.
    """

    promise: float
    thresholds: Mapping[str, float]
    widened: Mapping[str, float]
    before: TuningOutcome
    after: TuningOutcome
    days: float
    held_out: float
    met: bool
    blamed: tuple[str, ...]


class NotEnoughError(Exception):
    """The replay is too short to choose thresholds; the text says what to change."""


def tune(replay: Replay, incidents: Sequence[Recorded], promise: float, thresholds: Mapping[str, float]) -> Tuning:
    """Propose thresholds with which there are no more false alarm episodes per day than promised.

    `thresholds` are those that the replay was made with. A score is a gap over the width of its interval, so that an
    interval f times as wide makes scores of 1 out of scores of f. Signals are widened only when alarms on the first
    part of the replay are significantly more frequent than promised, and only those that cause too many; a signal is
    narrowed only where its share of the promise would come true often enough to be counted. Raises NotEnoughError.
    """
    quiet = replay.judged & ~during(replay, *incidents)
    places = np.flatnonzero(quiet)
    cut = int(places[int(CHOSEN_ON * places.size)]) if places.size else 0
    first = np.arange(quiet.size) < cut
    chosen_on, held_out = _Part(replay, quiet & first), _Part(replay, quiet & ~first)
    if min(chosen_on.days, held_out.days) * 86400 < 10 * replay.of * replay.step:
        raise NotEnoughError(
            f"only {places.size} points outside of recorded incidents were judged; choose an earlier --from"
        )
    widened = chosen_on.factors(promise)
    after = np.array([widened.get(signal, 1.0) for signal in replay.signals])
    fared = [held_out.fared(factors, incidents, ~first) for factors in (np.ones(after.size), after)]
    met = fared[1].rate.lower <= promise
    if not met and fared[0].rate.lower <= promise:
        widened, fared, met = {}, [fared[0], fared[0]], True  # narrowing did not last
    return Tuning(
        promise,
        {signal: _rounded(factor * thresholds.get(signal, 1.0)) for signal, factor in widened.items()},
        widened,
        fared[0],
        fared[1],
        chosen_on.days,
        held_out.days,
        met,
        () if met else held_out.most_frequent(after),
    )


class _Part:
    """Some quiet times of a replay."""

    def __init__(self, replay: Replay, quiet: Flags) -> None:
        self.replay = replay
        self.days = replay.days_of(quiet)
        self.heights = np.where(quiet, replay.heights, 0.0)

    def count(self, factors: Floats) -> int:
        """Episodes of the whole installation with every signal's intervals so many times as wide."""
        return len(episodes_of(anywhere(self.heights, factors), self.replay.of))

    def alone(self, row: int, factor: float = 1.0) -> int:
        """Episodes of one signal."""
        return len(episodes_of(self.heights[row] > factor, self.replay.of))

    def most_frequent(self, factors: Floats) -> tuple[str, ...]:
        """The signals that have episodes, most first."""
        counts = {one: self.alone(row, factors[row]) for row, one in enumerate(self.replay.signals)}
        return tuple(sorted((one for one in counts if counts[one]), key=lambda one: (-counts[one], one)))

    def fared(self, factors: Floats, incidents: Sequence[Recorded], here: Flags) -> TuningOutcome:
        episodes = self.count(factors)
        above = anywhere(self.replay.heights, factors)
        known = [during(self.replay, one) & self.replay.judged & here for one in incidents]
        known = [flags for flags in known if flags.any()]
        detected = sum(bool((flags & above).any()) for flags in known)
        return TuningOutcome(poisson_rate(episodes, self.days), episodes, detected, len(known))

    def factors(self, promise: float) -> dict[str, float]:
        """By signal, how many times as wide its intervals should be; signals that stay as they are are left out."""
        allowed = promise * self.days
        counts = {row: self.alone(row) for row in np.flatnonzero(self.heights.any(axis=1)).tolist()}
        factors = np.ones(len(self.replay.signals))
        if poisson_rate(self.count(factors), self.days).lower > promise:
            noisy, share = _share_out(counts, allowed)
            for row in noisy:
                factors[row] = max(1.1, _rounded(self._level(row, share), up=True))
        elif counts and allowed / len(counts) >= _ENOUGH:
            self._narrow(factors, counts, allowed)
        return {one: float(f) for one, f in zip(self.replay.signals, factors, strict=True) if f != 1}

    def _narrow(self, factors: Floats, counts: Mapping[int, int], allowed: float) -> None:
        """Narrow what is needlessly wide, as long as all together stay within what is allowed."""
        share = allowed / len(counts)
        for row, count in counts.items():
            level = max(_NARROWEST, _rounded(self._level(row, share), up=True)) if count < share else 1.0
            if level <= _NEEDLESS:
                factors[row] = level
                if self.count(factors) > allowed:
                    factors[row] = 1.0

    def _level(self, row: int, episodes: float) -> float:
        """The height that a signal exceeds in no more than so many episodes.

        Counted from the top down, since far below everything is one long episode; a few of the highest episodes give
        the tail where fewer are wanted than can be counted.
        """
        heights = self.heights[row]
        level = counted = start = float(heights.max())
        seen = 0
        while level > _NARROWEST and seen < max(_TAIL_EPISODES, episodes):
            level *= _FINE
            now = self.alone(row, level)
            if 2 * now < seen:
                break
            if now >= seen:
                start, seen = level, now
            if seen <= episodes:
                counted = level
        if episodes >= _ENOUGH:
            return counted
        peaks = np.array([heights[a : b + 1].max() for a, b in episodes_of(heights > start, self.replay.of)])
        return fit_tail(peaks, start, self.days).level(episodes / self.days)


def _share_out(counts: Mapping[int, int], allowed: float) -> tuple[list[int], float]:
    """Which signals (by row) have too many episodes, and how many each of them may have.

    Signals that need less than an equal share of the `allowed` episodes leave the rest to the others. A signal is only
    named when chance does not explain its excess; when none is, all that exceed their share are.
    """
    over = sorted(counts, key=lambda row: counts[row])
    share = allowed / len(counts)
    while over and counts[over[0]] <= share:
        allowed -= counts[over.pop(0)]
        share = allowed / len(over) if over else share
    sure = [row for row in over if poisson_rate(counts[row], 1.0).lower > share]
    spared = sum(counts[row] for row in over if row not in sure)
    if not sure:
        return over, share
    return sure, max(allowed - spared, share) / len(sure)


def _rounded(value: float, up: bool = False) -> float:
    """Two significant digits.

    >>> _rounded(1.437), _rounded(1.437, up=True)
    (1.4, 1.5)
    """
    unit = 10.0 ** (floor(log10(value)) - 1)
    return round((ceil(value / unit - 1e-9) if up else round(value / unit)) * unit, 9)
