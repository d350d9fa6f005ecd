"""What comes back at the same time of day is usual: a memory of what alarmed, longer and finer than the baseline.

A baseline keeps a day, or two at full resolution; a backup of ten minutes is lost in the rest. What alarmed at a time
of day (within an hour) on three of the last 28 days is usual then, up to twice as high. What alarms all day long comes
back at no time of day. What somebody expects is usual as if it had come on three days. And what is left over within a
day after an alarm that lasted until its level was accepted, up to a quarter as high, is no second alarm: the new level
has not been seen at that time of day.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import ACCEPTED_AT_LEAST, BINS, DAY, STANDS_OUT, USUAL_DAYS
from datasource.causes.constants import LEFT_OVER, MEMORY, MOST_OF_DAY, NEAR
from datasource.causes.naming import SHOWN, listed
from datasource.data import Entity, Floats, Variable

_LASTED = int(ACCEPTED_AT_LEAST * BINS / DAY)
"""So many half hours in a row are a lasting alarm."""

JOINT = "joint"
"""What of an entity all its signals show together is remembered as this signal of it."""

Peaks = dict[int, dict[int, float]]


class Recurred(NamedTuple):
    """The highest score of a variable that persisted in a half hour (counted from 0) of a day (since 1970)."""

    variable: Variable
    day: int
    half_hour: int
    height: float


@dataclass
class Recurrences:
    """The highest score that persisted, by variable, day and half hour of the day; only what alarmed."""

    peaks: dict[Variable, Peaks] = field(default_factory=dict)

    def heard(self, variable: Variable, times: NDArray[np.int64], heights: Mapping[str, Floats]) -> dict[str, Floats]:
        """The heights (by kind of score, by time in seconds) without those that are usual at that time of day, 0 in
        their place. What alarms is remembered, whether it was heard or not."""
        found = dict(heights)
        if not any((height > 1).any() for height in found.values()):
            return found
        highest = np.max([*found.values()], axis=0)
        slots = times * BINS // DAY
        starts = np.flatnonzero(np.diff(slots, prepend=slots[:1] - 1))
        tops = np.maximum.reduceat(highest, starts)
        limits = np.zeros(starts.size)
        own = self.peaks.setdefault(variable, {})
        today, usual = -1, np.zeros(BINS)
        for number, (slot, top) in enumerate(zip(slots[starts].tolist(), tops.tolist(), strict=True)):
            if top > 1:
                day, half_hour = divmod(slot, BINS)
                if day != today:
                    today, usual = day, _usual(own, day)
                limits[number] = max(STANDS_OUT * usual[half_hour], LEFT_OVER * _lasting(own, slot))
                there = own.setdefault(day, {})
                there[half_hour] = max(there.get(half_hour, 0.0), top)
        limit = np.repeat(limits, np.diff(np.append(starts, slots.size)))
        return {kind: np.where(height <= limit, 0.0, height) for kind, height in found.items()}

    def expect(self, entity: Entity, start: int, last: int) -> None:
        """What alarmed of an entity between two times (seconds) is usual at that time of day from the next day on."""
        for variable, own in self.peaks.items():
            if variable.entity != entity:
                continue
            for slot in range(start * BINS // DAY, last * BINS // DAY + 1):
                day, half_hour = divmod(slot, BINS)
                height = own.get(day, {}).get(half_hour, 0.0)
                for before in range(day - USUAL_DAYS + 1, day) if height else ():
                    there = own.setdefault(before, {})
                    there[half_hour] = max(there.get(half_hour, 0.0), height)

    def forget(self, time: int) -> None:
        """What was longer ago than 28 days at a time (seconds)."""
        oldest = time // DAY - MEMORY
        for variable, own in [*self.peaks.items()]:
            self.peaks[variable] = {day: there for day, there in own.items() if day >= oldest}
            if not self.peaks[variable]:
                del self.peaks[variable]

    def rows(self) -> list[Recurred]:
        """What is remembered."""
        return [
            Recurred(variable, day, half_hour, round(height, 3))
            for variable, days in sorted(self.peaks.items())
            for day, there in sorted(days.items())
            for half_hour, height in sorted(there.items())
        ]

    def learn(self, rows: Iterable[Recurred]) -> None:
        """Remember what somebody else did."""
        for variable, day, half_hour, height in rows:
            there = self.peaks.setdefault(variable, {}).setdefault(day, {})
            there[half_hour] = max(there.get(half_hour, 0.0), height)


def _usual(peaks: Peaks, day: int) -> Floats:
    """By half hour, the height that was reached on three of the days before; 0 where there are fewer, and where it
    recurs through most of the day."""
    days = [peaks[one] for one in peaks if day - MEMORY <= one < day]
    if len(days) < USUAL_DAYS:
        return np.zeros(BINS)
    table = np.zeros((len(days), BINS))
    for number, one in enumerate(days):
        table[number, [*one]] = [*one.values()]
    near = np.max([np.roll(table, shift, axis=1) for shift in range(-NEAR, NEAR + 1)], axis=0)
    usual: Floats = np.sort(near, axis=0)[-USUAL_DAYS]
    return usual if (usual > 0).mean() <= MOST_OF_DAY else np.zeros(BINS)


def _lasting(peaks: Peaks, slot: int) -> float:
    """The height of an alarm that lasted and was over within the day before this half hour; 0 where there was none, or
    it still goes on."""
    day = slot // BINS
    if sum(len(peaks.get(one, ())) for one in range(day - 2, day + 1)) < _LASTED:
        return 0.0
    found, run = 0.0, list[float]()
    for place in range(slot - BINS - _LASTED, slot):
        height = peaks.get(place // BINS, {}).get(place % BINS)
        if height is not None:
            run.append(height)
            continue
        if len(run) >= _LASTED:
            found = max(found, *run)
        run = []
    return found


def recurrence_sentences(entities: Sequence[Entity]) -> tuple[str, ...]:
    """What people are told: "db is as on other days at this time, and does not alarm"."""
    if not entities:
        return ()
    verbs = ("is", "does") if len(entities) == 1 else ("are", "do")
    who = listed([*map(str, entities)], SHOWN)
    return (f"{who} {verbs[0]} as on other days at this time, and {verbs[1]} not alarm",)
