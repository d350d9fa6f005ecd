"""Who broke, of everybody: the time since something is anomalous, ranked against the normal time before."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from datasource.anomaly.ranking.confidence import confidences
from datasource.anomaly.ranking.rank import Ranking, rank
from datasource.settings import Signal
from datasource.telemetry import Entity, Matrix
from datasource.topology import Topology

_FEWEST = 3
"""The newest points that are looked at, at least."""
_NORMAL = 720
"""Points before the incident that are taken as normal, at most."""
_FEWEST_NORMAL = 15
_NAMED = 0.6
"""So sure one has to be of an entity to name it, and so much less that it stays named."""
_KEPT = 0.3
_HYSTERESIS = 1.5
"""Another one takes over when it is so many times as likely."""
_BESIDE = 0.9
"""How sure one has to be of another one that suffers by one that is named."""
_WHOLE = 150
"""Systems of so many entities are looked at whole; of larger ones those within two ties of who is anomalous."""


class Busy(NamedTuple):
    """When (seconds) an entity was not normal."""

    entity: Entity
    start: int
    end: int


@dataclass(frozen=True)
class Suspects:
    """Whom the evidence names, the surest first, and how sure it is of everybody.

    `roots` has the confidence of each, given those before it. `confidence` is that of each entity to be the root cause,
    if there is one. `outside` are those who are called by the likeliest one, and whom nobody measures.
    """

    roots: Mapping[Entity, float] = field(default_factory=dict)
    confidence: Mapping[Entity, float] = field(default_factory=dict)
    outside: tuple[Entity, ...] = ()

    def of(self, entity: Entity, ways: "Ways") -> tuple[tuple[Entity, float], ...]:
        """The roots by which an entity suffers, itself included; where it is tied to nobody, all there are."""
        if not ways.tied(entity):
            return tuple(self.roots.items())
        return tuple((root, sure) for root, sure in self.roots.items() if ways.leads(root, entity))


@dataclass(frozen=True)
class Ways:
    """Along which a cause reaches others: who waits, runs or rests on whom, and edges between their variables."""

    topology: Topology
    edges: Collection[tuple[Entity, Entity]] = ()

    def tied(self, entity: Entity) -> bool:
        """Whether anything is known of whom it is tied to."""
        return entity in self._near

    def leads(self, cause: Entity, entity: Entity) -> bool:
        """Whether there is a way from a cause to an entity, which may be itself."""
        return entity in self._reached(cause)

    def around(self, entities: Iterable[Entity], ties: int) -> set[Entity]:
        """Those within so many ties of some entities, in either direction."""
        found = ahead = set(entities)
        for _ in range(ties):
            ahead = {near for one in ahead for near in self._near.get(one, ())} - found
            found = found | ahead
        return found

    def _reached(self, cause: Entity) -> set[Entity]:
        if cause not in self._known:
            found, ahead = {cause}, {cause}
            while ahead:
                ahead = {one for before in ahead for one in self._onward.get(before, ())} - found
                found |= ahead
            self._known[cause] = found
        return self._known[cause]

    @cached_property
    def _known(self) -> dict[Entity, set[Entity]]:
        return {}

    @cached_property
    def _onward(self) -> dict[Entity, set[Entity]]:
        found: dict[Entity, set[Entity]] = {}
        for cause, effect in (*self.edges, *((t.ends[1][1], t.ends[0][1]) for t in self.topology.ties)):
            if cause != effect:
                found.setdefault(cause, set()).add(effect)
        return found

    @cached_property
    def _near(self) -> dict[Entity, set[Entity]]:
        found: dict[Entity, set[Entity]] = {}
        for cause, effects in self._onward.items():
            for effect in effects:
                found.setdefault(cause, set()).add(effect)
                found.setdefault(effect, set()).add(cause)
        return found


def suspects(
    matrix: Matrix,
    since: int,
    signals: Mapping[str, Signal],
    ways: Ways,
    anomalous: Collection[Entity],
    named: Collection[Entity] = (),
    busy: Sequence[Busy] = (),
) -> Suspects:
    """Rank everybody by the columns from `since` (seconds) on, three at least, against at most 720 before them.

    What was `busy` then is no part of the normal time. Who was `named` before stays so while it is likely enough.
    Nobody is named where fewer than 15 columns are normal.
    """
    since = min(since, matrix.end - (_FEWEST - 1) * matrix.step)
    everybody = {variable.entity for variable in matrix.variables if variable.entity.type != "call"}
    if len(everybody) > _WHOLE:
        everybody &= ways.around(anomalous, 2)
    chosen = matrix.select([v for v in matrix.variables if v.entity in everybody and v.signal in signals])
    incident = chosen.between(since, matrix.end)
    normal = _without(chosen.between(since - _NORMAL * matrix.step, since - matrix.step), busy)
    if normal.values.shape[1] < _FEWEST_NORMAL:
        return Suspects()
    calls = [
        (client, server)
        for tie in ways.topology.ties
        if (client := tie.end("client")) in everybody and (server := tie.end("server"))
    ]
    found = rank(normal, incident, signals, calls)
    return Suspects(_roots(found, ways, frozenset(named)), found.confidence, found.outside)


def _without(normal: Matrix, busy: Sequence[Busy]) -> Matrix:
    """The same, with nothing known of those who were busy."""
    values = normal.values
    for entity, start, end in busy:
        rows = np.array([variable.entity == entity for variable in normal.variables], dtype=np.bool_)
        columns = (normal.times >= start) & (normal.times <= end)
        if rows.any() and columns.any():
            values = np.where(rows[:, None] & columns, np.nan, values)
    return Matrix(normal.variables, normal.start, normal.step, values)


def _roots(ranking: Ranking, ways: Ways, named: frozenset[Entity]) -> dict[Entity, float]:
    """Who is named: one after the other, each as likely as it is when those before it are left out."""
    left, found = dict(ranking.entities), dict[Entity, float]()
    while left:
        sure = confidences(left)
        best = max(sure, key=lambda one: (sure[one], str(one)))
        kept = max(named & left.keys(), key=lambda one: (sure[one], str(one)), default=best)
        if sure[kept] >= _KEPT and sure[best] < _HYSTERESIS * sure[kept]:
            best = kept
        suffers = any(ways.leads(root, best) or not ways.tied(best) for root in found)
        least = _BESIDE if suffers else _KEPT if best in named else _NAMED
        if sure[best] < least or (found and best not in ranking.blamed):
            break
        found[best] = sure[best]
        del left[best]
    return found
