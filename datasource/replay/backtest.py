"""How a replay fared: was the promise kept, were the recorded incidents found, how fast, and whom did it name?"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from datasource.data import Entity
from datasource.replay.alarms import Episode, Flags, Replay, anywhere, most_named
from datasource.replay.recorded import Recorded
from datasource.service.rates import Rate, poisson_rate, wilson


class Outcome(NamedTuple):
    """What became of a recorded incident: seconds from its start to the alarm, None where there was none, and who was
    named, the most often named first."""

    incident: Recorded
    delay: float | None
    named: tuple[Entity, ...] = ()

    @property
    def root_found(self) -> bool | None:
        """Whether the recorded service was named first; None where there was no alarm, or no service is recorded."""
        if self.delay is None or not self.incident.service:
            return None
        return bool(self.named) and self.incident.is_of(self.named[0])


class Tally(NamedTuple):
    """In how many false alarm episodes a signal or an entity alarmed, and how high at most."""

    name: str
    episodes: int
    peak: float


@dataclass(frozen=True)
class Backtest:
    """`days` is the judged time outside of recorded incidents, `false_alarms` are the episodes that meet none.

    `unjudged` are recorded incidents that cannot be detected: they began before the replay, or nothing was judged then.
    """

    promise: float
    days: float
    false_alarms: tuple[Episode, ...]
    outcomes: tuple[Outcome, ...]
    unjudged: tuple[Recorded, ...]

    @cached_property
    def rate(self) -> Rate | None:
        """False alarm episodes per day; None when no time is left outside of incidents."""
        return poisson_rate(len(self.false_alarms), self.days) if self.days else None

    @property
    def kept(self) -> bool:
        """Whether the rate is not significantly above the promise."""
        return self.rate is None or self.rate.lower <= self.promise

    @property
    def delays(self) -> tuple[float, ...]:
        """Of the detected incidents, seconds from start to alarm."""
        return tuple(one.delay for one in self.outcomes if one.delay is not None)

    @property
    def detection(self) -> float:
        """The share of judged incidents that were detected, 1 when there is none."""
        return len(self.delays) / len(self.outcomes) if self.outcomes else 1.0

    @property
    def detection_interval(self) -> tuple[float, float]:
        """The 95% interval of the detection."""
        return wilson(len(self.delays), len(self.outcomes))

    @property
    def roots(self) -> tuple[int, int]:
        """How often the recorded service was named first, of so many detected incidents with a recorded service."""
        found = [one.root_found for one in self.outcomes if one.root_found is not None]
        return sum(found), len(found)

    @property
    def by_signal(self) -> tuple[Tally, ...]:
        """The signals that alarmed falsely, the most frequent first."""
        return self._tally("signal")

    @property
    def by_entity(self) -> tuple[Tally, ...]:
        """The entities that alarmed falsely, the most frequent first."""
        return self._tally("entity")

    def _tally(self, part: str) -> tuple[Tally, ...]:
        peaks: dict[str, list[float]] = {}
        for episode in self.false_alarms:
            own: dict[str, float] = {}
            for alarm in episode.alarms:
                name = str(getattr(alarm.variable, part))
                own[name] = max(own.get(name, 0.0), alarm.peak)
            for name, peak in own.items():
                peaks.setdefault(name, []).append(peak)
        found = (Tally(name, len(own), max(own)) for name, own in peaks.items())
        return tuple(sorted(found, key=lambda one: (-one.episodes, -one.peak, one.name)))


def backtest(replay: Replay, incidents: Sequence[Recorded], promise: float) -> Backtest:
    """Compare a replay with the incidents that people recorded, and with the promised false alarm episodes per day.

    An alarm belongs to an incident from its start until `of` steps after its end, for so long a score may persist.
    Only incidents that start within the replay, and in whose time something was judged, can be detected.
    """
    busy = during(replay, *incidents)
    judged = [
        one
        for one in incidents
        if one.start >= replay.start - replay.step and (during(replay, one) & replay.judged).any()
    ]
    return Backtest(
        promise,
        replay.days_of(replay.judged & ~busy),
        tuple(one for one in replay.episodes if not busy[replay.columns(one.start, one.end)].any()),
        tuple(_outcome(replay, one) for one in judged),
        tuple(one for one in incidents if one not in judged),
    )


def during(replay: Replay, *incidents: Recorded) -> Flags:
    """At which times of a replay an incident goes on, or just was."""
    times, after = replay.times, replay.of * replay.step
    found: Flags = np.zeros(times.size, dtype=np.bool_)
    for one in incidents:
        found |= (times >= one.start) & (times <= one.end + after)
    return found


def _outcome(replay: Replay, incident: Recorded) -> Outcome:
    times = replay.times[during(replay, incident) & anywhere(replay.heights)]
    if not times.size:
        return Outcome(incident, None)
    looks = (look for look in replay.looks if times[0] <= look.time <= times[-1])
    return Outcome(incident, float(times[0] - incident.start), most_named(looks))
