"""Alarms over a time: what there was to see in a replay or in a file, and the episodes that alarms form."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Floats, Variable

_DAY = 86400.0
T = TypeVar("T")
Columns = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Alarm(NamedTuple):
    """A score of one variable, causal or marginal, that persisted above 1 from `start` to `end` (seconds), and the
    highest at which it did."""

    variable: Variable
    kind: str
    start: int
    end: int
    peak: float


class NamedRoots(NamedTuple):
    """Who was named as root cause at a time (seconds)."""

    time: int
    roots: tuple[Entity, ...]


class Episode(NamedTuple):
    """Alarms of the whole installation that lie close together, the highest first, and the looks at their causes."""

    start: int
    end: int
    alarms: tuple[Alarm, ...]
    looks: tuple[NamedRoots, ...] = ()

    @property
    def roots(self) -> tuple[Entity, ...]:
        """Who was named, the most often named first."""
        return most_named(self.looks)


def most_named(looks: Iterable[NamedRoots]) -> tuple[Entity, ...]:
    """The entities that were named, the most often named first; of equals, who was named earlier."""
    return tuple(entity for entity, _ in Counter(root for look in looks for root in look.roots).most_common())


def anywhere(heights: Floats, factors: Floats | float = 1.0) -> Flags:
    """At which times any row of `heights` (rows x times) is above its factor."""
    found: Flags = np.any(heights > np.reshape(factors, (-1, 1)), axis=0)
    return found


def episodes_of(flags: Flags, of: int) -> Columns:
    """Episodes x (first, last) column at which `flags` are set; more than `of` steps lie between two episodes."""
    places = np.flatnonzero(flags)
    if not places.size:
        return np.empty((0, 2), dtype=np.int64)
    breaks = np.diff(places) > of
    return np.stack([places[np.r_[True, breaks]], places[np.r_[breaks, True]]], axis=1)


def alarms_of(variable: Variable, kind: str, height: Floats, start: int, step: int, of: int) -> list[Alarm]:
    """The alarms of one score. `height` is what persists of it, by time from `start` on every `step` (seconds)."""
    found = episodes_of(height > 1, of)
    times = (start + step * found).tolist()
    peaks = [float(height[first : last + 1].max()) for first, last in found]
    return [Alarm(variable, kind, first, last, peak) for (first, last), peak in zip(times, peaks, strict=True)]


def joined(alarms: Iterable[Alarm], gap: int) -> tuple[Episode, ...]:
    """The episodes that alarms form together, in the order of time: between two lie more than `gap` seconds.

    They are those that `episodes_of` finds at the times at which any of the scores persists, for a gap of `of` steps.
    """
    together: list[list[Alarm]] = []
    end = 0
    for alarm in sorted(alarms, key=lambda one: one.start):
        if together and alarm.start - end <= gap:
            together[-1].append(alarm)
            end = max(end, alarm.end)
        else:
            together.append([alarm])
            end = alarm.end
    return tuple(Episode(own[0].start, max(one.end for one in own), _highest_first(own)) for own in together)


def _highest_first(alarms: Iterable[Alarm]) -> tuple[Alarm, ...]:
    return tuple(sorted(alarms, key=lambda one: (-one.peak, str(one.variable))))


@dataclass(frozen=True)
class Replay:
    """What would have been said at every step (seconds) from `start` on.

    `heights` is signals x times: the highest score that persisted among the variables of a signal, above 1 an alarm.
    `judged` says at which times anything was known. `supported` is the largest number of alarm episodes a day that
    the held-out parts of a baseline show.
    """

    start: int
    step: int
    of: int
    signals: tuple[str, ...]
    heights: Floats
    judged: Flags
    variables: frozenset[Variable]
    alarms: tuple[Alarm, ...]
    looks: tuple[NamedRoots, ...]
    supported: float
    notices: tuple[str, ...]

    @property
    def times(self) -> Columns:
        """Seconds since 1970, one per column."""
        times: Columns = self.start + self.step * np.arange(self.judged.size, dtype=np.int64)
        return times

    @property
    def days(self) -> float:
        """How long was judged."""
        return self.days_of(self.judged)

    def days_of(self, flags: Flags) -> float:
        """The length of some of its times."""
        return float(flags.sum()) * self.step / _DAY

    def columns(self, start: int, end: int) -> slice:
        """Where the times [start, end] (seconds) lie."""
        return slice((start - self.start) // self.step, (end - self.start) // self.step + 1)

    @cached_property
    def episodes(self) -> tuple[Episode, ...]:
        """The alarm episodes, in the order of time."""
        found = self.start + self.step * episodes_of(anywhere(self.heights), self.of)
        alarms = _by_episode(self.alarms, [alarm.start for alarm in self.alarms], found)
        looks = _by_episode(self.looks, [look.time for look in self.looks], found)
        return tuple(
            Episode(start, end, _highest_first(own), tuple(seen))
            for (start, end), own, seen in zip(found.tolist(), alarms, looks, strict=True)
        )


def _by_episode(things: tuple[T, ...], times: list[int], episodes: Columns) -> list[list[T]]:
    found: list[list[T]] = [[] for _ in episodes]
    for thing, place in zip(things, np.searchsorted(episodes[:, 0], times, side="right") - 1, strict=True):
        found[place].append(thing)
    return found
