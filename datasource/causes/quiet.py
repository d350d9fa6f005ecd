"""Quiet times: who does not alarm although anomalous, because it is known and harmless.

The one rule, for the clock, for replay and for single evaluations:

- A point in a quiet time of its entity, or within its signal's window after it, counts for no alarm, and while a quiet
  time goes on the entity has none.
- Who suffers by something quiet that is anomalous is silent too: its marginal score and its joint one alarm for nothing
  while, within the newest `persistence.of` points, an ancestor in the causal graph was quiet and had a score above 1.
  That is not so where it broke itself, or where it has an ancestor that did: a causal score that persists is heard as
  ever.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.constants import NEVER
from datasource.anomaly.fit_one import LeftOut
from datasource.anomaly.joint import Joint
from datasource.anomaly.persistence import Persistence, persisting
from datasource.causes.constants import MOST_QUIET
from datasource.causes.demand import Demand
from datasource.causes.naming import SHOWN, listed
from datasource.data import Entity, Floats, Variable
from datasource.data.roles import Roles
from datasource.graph import CausalGraph
from datasource.settings import QuietTime, known, merged

Flags = NDArray[np.bool_]
Times = NDArray[np.int64]
ScoreOf = Callable[[Variable, str], Floats]
"""The scores of a variable by time, "causal" or "marginal"."""


class QuietEntity(NamedTuple):
    """Who does not alarm, in which quiet time, and until when that goes on (seconds); it may be over, and still be
    within the window of a signal. `because` is the quiet entity by which this one suffers, None where it is itself."""

    entity: Entity
    quiet_time: QuietTime
    until: float
    because: Entity | None = None


@dataclass(frozen=True)
class Silence:
    """By time, which points of variables are in a quiet time, which of these variables were above 1 lately (`beyond`),
    which others suffer by one of those (`explained`), and who suffers by `demand`."""

    own: Mapping[Variable, Flags] = field(default_factory=dict)
    beyond: Mapping[Variable, Flags] = field(default_factory=dict)
    explained: Mapping[Variable, Flags] = field(default_factory=dict)
    demand: Demand | None = None

    def heights(
        self, variable: Variable, kind: str, score: Floats, persistence: Persistence, strong: float = NEVER
    ) -> Floats:
        """By time, the score that persists (see `persisting`) and counts: above 1 is an alarm."""
        quiet = self.own.get(variable)
        if quiet is not None:
            return np.where(quiet, 0.0, persisting(np.where(quiet, np.nan, score), persistence, strong))
        found = persisting(score, persistence, strong)
        if kind != "marginal":
            return found
        if variable in self.explained:
            found = np.where(self.explained[variable], 0.0, found)
        if self.demand and (found > 1).any():
            found = np.where(self.demand.explains(variable), 0.0, found)
        return found

    def joint(self, joint: Joint, scores: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
        """By time, the joint score of an entity, and of its causal scores those that count in it: none in a quiet time,
        nor where it suffers by something quiet or by demand, of which a linear model leaves many small gaps."""
        heard = [self._heard(variable, score) for variable, score in zip(joint.variables, scores, strict=True)]
        found = np.nan_to_num(joint.score(heard))
        if self.demand and (found > 1).any():
            for number, (variable, score) in enumerate(zip(joint.variables, heard, strict=True)):
                if np.isfinite(score).any():
                    heard[number] = np.where(self.demand.explains(variable)[-score.size :], np.nan, score)
            found = np.nan_to_num(joint.score(heard))
        return found, heard

    def _heard(self, variable: Variable, score: Floats) -> Floats:
        for silent in (self.own.get(variable), self.explained.get(variable)):
            if silent is not None:
                score = np.where(silent[-score.size :], np.nan, score)
        return score


@dataclass(frozen=True)
class QuietTimes:
    """The quiet times of the settings, and the causal graph along which others suffer by what is quiet."""

    blocks: tuple[QuietTime, ...] = ()
    roles: Roles = field(default_factory=lambda: Roles({}))
    graph: CausalGraph = field(default_factory=lambda: CausalGraph((), ()))

    def of(self, entity: Entity) -> tuple[QuietTime, ...]:
        """The quiet times of an entity."""
        if entity not in self._of:
            names = names_of(entity) if self.blocks else ()
            self._of[entity] = tuple(block for block in self.blocks if not block.entities or _any(block, names))
        return self._of[entity]

    @cached_property
    def _of(self) -> dict[Entity, tuple[QuietTime, ...]]:
        return {}

    def within(self, entity: Entity, start: float, end: float) -> QuietEntity | None:
        """In which quiet time an entity is somewhere in [start, end] (seconds), the one that ends last; None where it
        may alarm."""
        window = self._longest_window(entity)
        found = [(until, block) for block in self.of(entity) for _, until in block.spans(start - window, end)]
        if not found:
            return None
        until, block = max(found, key=lambda one: one[0])
        return QuietEntity(entity, block, until)

    def quiet_at(self, variable: Variable, times: Times) -> Flags:
        """Which points (seconds, in order) of a variable lie in a quiet time, or within its window after one."""
        window = self.roles.signals[variable.signal].window
        found: Flags = np.zeros(times.size, dtype=np.bool_)
        for block in self.of(variable.entity):
            for start, end in self._spans(block, times[0] - window, times[-1]):
                found |= (times >= start) & (times <= end + window)
        return found

    def _spans(self, block: QuietTime, start: float, end: float) -> list[tuple[float, float]]:
        place = id(block), float(start), float(end)
        if place not in self._known_spans:
            self._known_spans[place] = block.spans(start, end)
        return self._known_spans[place]

    @cached_property
    def _known_spans(self) -> dict[tuple[int, float, float], list[tuple[float, float]]]:
        return {}

    def silence(
        self, variables: Collection[Variable], times: Times, score_of: ScoreOf, persistence: Persistence
    ) -> Silence:
        """Who is silent when (`times` in seconds, in order); scores are asked for where they are needed.

        What is said of a time rests on the newest `of` points before it, and holds only where these are among `times`.
        """
        own = {v: self.quiet_at(v, times) for v in variables if self.of(v.entity)}
        own = {variable: flags for variable, flags in own.items() if flags.any()}
        beyond = {v: quiet & _above(score_of(v, "causal"), score_of(v, "marginal")) for v, quiet in own.items()}
        lately = {v: _lately(flags, persistence.of) for v, flags in beyond.items() if flags.any()}
        explained = _downstream(lately, self.graph)
        if explained:
            alone, broke = Silence(own), {}
            for variable in variables:
                if "causal" in self.roles.alarms(variable):
                    flags = alone.heights(variable, "causal", score_of(variable, "causal"), persistence) > 1
                    if flags.any():
                        broke[variable] = flags
            heard = _downstream(broke, self.graph)
            explained = {v: flags & ~heard[v] if v in heard else flags for v, flags in explained.items()}
        return Silence(own, lately, explained)

    def entities(self, silence: Silence, spared: Collection[Entity], times: Times) -> tuple[QuietEntity, ...]:
        """Who is in a quiet time at the last of the `times`, then who is `spared` an alarm because it suffers by
        somebody who is, or was at one of them."""
        start, end = int(times[0]), int(times[-1])
        own = [
            self.within(one, end, end) for one in sorted({v.entity for v, quiet in silence.own.items() if quiet[-1]})
        ]
        found = {one.entity: one for one in own if one is not None}
        for entity in sorted(set(spared) - found.keys()):
            suffering = [v for v, flags in silence.explained.items() if v.entity == entity and flags[-1]]
            above = self.graph.ancestors(suffering)
            causes = sorted({v.entity for v, flags in silence.beyond.items() if v in above and flags[-1]})
            quiet = next((one for one in (self.within(cause, start, end) for cause in causes) if one), None)
            if quiet is not None:
                found[entity] = QuietEntity(entity, quiet.quiet_time, quiet.until, quiet.entity)
        return tuple(found.values())

    def left_out(self, entities: Iterable[Entity], start: float, end: float) -> tuple[LeftOut, ...]:
        """The quiet times within [start, end] (seconds): no examples of what is normal.

        Those of an entity that is quiet for more than half of that time are: it would have nothing else.
        """
        alike: dict[tuple[QuietTime, ...], list[Entity]] = {}
        for entity in sorted(set(entities)):
            alike.setdefault(self.of(entity), []).append(entity)
        found = []
        for blocks, own in alike.items():
            window = max(map(self._longest_window, own))
            spans = [
                (max(start, begin), min(end, until + window))
                for block in blocks
                for begin, until in block.spans(start - window, end)
            ]
            spans = merged(spans)
            if spans and sum(until - begin for begin, until in spans) <= MOST_QUIET * (end - start):
                whom = own if len(alike) > 1 else [None]
                found += [LeftOut(entity, begin, until) for entity in whom for begin, until in spans]
        return tuple(found)

    def notices(self, entities: Collection[Entity]) -> tuple[str, ...]:
        """Names that stand for nobody, in words."""
        names = {name for entity in entities for name in names_of(entity)} if self.blocks else set()
        return tuple(
            f"quiet_times[{number}].entities: '{pattern}' is no entity that is measured; "
            + (known(pattern, {str(entity) for entity in entities} | names) if len(names) < 50 else "check its name")
            for number, block in enumerate(self.blocks)
            for pattern in block.entities
            if names and not any(fnmatchcase(name, pattern) for name in names)
        )

    def _longest_window(self, entity: Entity) -> float:
        signals = self.roles.signals.values()
        return max((signal.window for signal in signals if signal.entity == entity.type), default=0.0)


def names_of(entity: Entity) -> tuple[str, ...]:
    """How people write an entity: in full or by its end, and a call as `client -> server`.

    >>> names_of(Entity("service", (("cluster", "eu"), ("namespace", "shop"), ("service", "db"))))
    ('eu/shop/db', 'shop/db', 'db')
    >>> names_of(Entity("call", (("client", "web"), ("server", "db"))))
    ('web/db', 'web -> db')
    """
    values = [value for _, value in entity.labels]
    whole = "/".join(values)
    if entity.type != "call":
        return tuple(dict.fromkeys("/".join(values[first:]) for first in range(len(values)))) or (whole,)
    client, server = (
        "/".join(value for label, value in entity.labels if label.startswith(end)) for end in ("client", "server")
    )
    return whole, f"{client} -> {server}"


def quiet_sentences(quiet: Sequence[QuietEntity], time: float) -> tuple[str, ...]:
    """What people are told of quiet times at a time (seconds): "db is quiet until 02:30 UTC: nightly backup"."""
    told: dict[tuple[int, Entity | None], list[QuietEntity]] = {}
    for one in quiet:
        told.setdefault((id(one.quiet_time), one.because), []).append(one)
    return tuple(_sentence(those, time) for those in told.values())


def _sentence(those: Sequence[QuietEntity], time: float) -> str:
    block, until, because = those[0].quiet_time, max(one.until for one in those), those[0].because
    going_on, everybody = time < until, because is None and not block.entities
    names = [str(one.entity) for one in those]
    who = "everything" if everybody else listed(names, SHOWN)
    several = len(names) > 1 and not everybody
    verb = ("are" if several else "is") if going_on else ("were" if several else "was")
    when = f"quiet until {block.shown(until, time)}: {block.reason}"
    if because is None:
        return f"{who} {verb} {when}"
    does, was = "do" if several else "does", "is" if going_on else "was"
    return f"{who} {does} not alarm, suffering by {because}, which {was} {when}"


def _any(block: QuietTime, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in block.entities)


def _above(*scores: Floats) -> Flags:
    found: Flags = np.any([score > 1 for score in scores], axis=0)
    return found


def _lately(flags: Flags, of: int) -> Flags:
    """Whether any of the newest `of` points is flagged, by time."""
    found = flags.copy()
    for back in range(1, min(of, flags.size)):
        found[back:] |= flags[:-back]
    return found


def _downstream(flags: Mapping[Variable, Flags], graph: CausalGraph) -> dict[Variable, Flags]:
    """By time, which variables are flagged or have an ancestor that is."""
    found = {variable: own.copy() for variable, own in flags.items()}
    waiting = list(found)
    while waiting:
        cause = waiting.pop()
        for effect in graph.effects_of(cause):
            before = found.get(effect)
            now = found[cause] if before is None else before | found[cause]
            if before is None or (now != before).any():
                found[effect] = now.copy()
                waiting.append(effect)
    return found
