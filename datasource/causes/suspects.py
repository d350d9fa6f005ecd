"""Who broke, of everybody: the time since something is anomalous, ranked against the normal time before."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log1p
from typing import NamedTuple

import numpy as np

from datasource.causes.constants import (
    BESIDE,
    BETWEEN,
    BROKE,
    CLEAR,
    DISTURBED,
    EARLY,
    ELSEWHERE,
    FEWEST_NORMAL,
    HYSTERESIS,
    KEPT,
    LONG,
    LONGER,
    NAMED,
    NEWEST,
    NORMAL,
    POSSIBLE,
    THERE,
    TOGETHER,
    WHOLE,
)
from datasource.causes.model import RootCauses
from datasource.causes.ranking.confidence import confidences
from datasource.causes.ranking.rank import rank
from datasource.data import Entity, Matrix
from datasource.settings import Signal
from datasource.topology import Topology


class Busy(NamedTuple):
    """When (seconds) an entity was not normal."""

    entity: Entity
    start: int
    end: int


@dataclass(frozen=True)
class Suspects:
    """Whom the evidence names, the surest first, and how sure it is of everybody.

    `roots` has the confidence of each, given those before it. `confidence` is that of each entity to be the root cause,
    if there is one.
    """

    roots: Mapping[Entity, float] = field(default_factory=dict)
    confidence: Mapping[Entity, float] = field(default_factory=dict)

    @property
    def between(self) -> tuple[tuple[Entity, float], ...]:
        """Whom it lies between, the likeliest first, where nobody can be named: three at most."""
        likely = sorted(self.confidence.items(), key=lambda one: (-one[1], one[0]))[:BETWEEN]
        return tuple(one for one in likely if one[1] >= POSSIBLE)

    def of(self, causes: RootCauses, ways: "Ways") -> tuple[tuple[Entity, float], ...]:
        """The roots of a symptom, its entity included; where that is tied to nobody, all there are. None of them where
        more of the gap comes from somebody outside: then that one, if it is sure who it is, in place of whom else would
        be named, and as likely."""
        entity = causes.symptom.entity
        shares: dict[Entity, float] = {}
        for part in causes.contributions:
            shares[part.variable.entity] = shares.get(part.variable.entity, 0.0) + part.share
        able = {root: sure for root, sure in self.roots.items() if not ways.tied(entity) or ways.leads(root, entity)}
        others = (one for one in causes.outside if one.entity and (one.sure or one.kind != "call"))
        outside = max(others, key=lambda one: one.share, default=None)
        if outside is None or outside.entity in able or outside.share < ELSEWHERE:
            return tuple(able.items())
        left = {root: sure for root, sure in able.items() if shares.get(root, 0.0) >= outside.share}
        spared = [sure for root, sure in able.items() if root not in left]
        if outside.entity and outside.sure and spared:
            left[outside.entity] = max(spared)
        return tuple(left.items())


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

    def unrelated(self, one: Entity, other: Entity) -> bool:
        """Whether both are tied to somebody, and no way leads from either to the other."""
        return self.tied(one) and self.tied(other) and not (self.leads(one, other) or self.leads(other, one))

    def onward(self, entity: Entity) -> Mapping[Entity, str]:
        """Whom a cause at an entity reaches by one edge, with the relation; empty for one of the causal graph."""
        return self._onward.get(entity, {})

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
                ahead = {one for before in ahead for one in self.onward(before)} - found
                found |= ahead
            self._known[cause] = found
        return self._known[cause]

    @cached_property
    def _known(self) -> dict[Entity, set[Entity]]:
        return {}

    @cached_property
    def _onward(self) -> dict[Entity, dict[Entity, str]]:
        found: dict[Entity, dict[Entity, str]] = {}
        ties = ((tie.ends[1][1], tie.ends[0][1], tie.relation) for tie in self.topology.ties)
        for cause, effect, relation in (*ties, *((*edge, "") for edge in self.edges)):
            if cause != effect:
                found.setdefault(cause, {}).setdefault(effect, relation)
        return found

    @cached_property
    def _near(self) -> dict[Entity, set[Entity]]:
        found: dict[Entity, set[Entity]] = {}
        for cause, effects in self._onward.items():
            for effect in effects:
                found.setdefault(cause, set()).add(effect)
                found.setdefault(effect, set()).add(cause)
        return found


class Evidence(NamedTuple):
    """How much speaks against each entity, and whom the ranking alone blames."""

    against: Mapping[Entity, float]
    blamed: frozenset[Entity]


def suspects(
    matrix: Matrix,
    since: int,
    signals: Mapping[str, Signal],
    ways: Ways,
    anomalous: Collection[Entity],
    broke: Mapping[Entity, float],
    greedy: Collection[Entity] = (),
    excused: Collection[Entity] = (),
    named: Sequence[Entity] = (),
    busy: Sequence[Busy] = (),
) -> Suspects:
    """Rank everybody by the newest five columns, by all from `since` (seconds) on where these are ten or more, against
    240 or more before them, and by how high the causal scores of each entity are now (`broke`).

    Who is gone, of whom nothing is known any more, is as suspect as the most suspect of those that suffer by it, and
    these half as much. Who rests on the same as somebody `greedy`, who uses more than its load explains, may be
    disturbed: its evidence counts half, and that on which both rest is no cause. Nor is who is `excused`. What was
    `busy` before is no part of the normal time, nor is its anomaly a part of this incident. Who was `named` before, the
    first one first, stays so while it is likely enough. Nobody is named where fewer than 15 columns are normal.
    """
    newest = matrix.end - (NEWEST - 1) * matrix.step
    everybody = {variable.entity for variable in matrix.variables}
    if len(everybody) > WHOLE:
        everybody &= ways.around(anomalous, 2)
    chosen = matrix.select([v for v in matrix.variables if v.entity in everybody and v.signal in signals])
    points = (matrix.end - since) // matrix.step + 1
    incident = chosen.between(since if points >= LONG else newest, matrix.end)
    until = min(since, newest)
    before = max(NORMAL, LONGER * points) * matrix.step
    normal = _without(chosen.between(until - before, until - matrix.step), busy)
    if normal.values.shape[1] < FEWEST_NORMAL:
        return Suspects()
    calls = [
        (client, server)
        for tie in ways.topology.ties
        if (client := tie.end("client")) in everybody and (server := tie.end("server"))
    ]
    rests = [(tie.ends[0][1], tie.ends[1][1]) for tie in ways.topology.ties if tie.end("client") is None]
    taken = {used for user, used in rests if user in greedy}
    disturbed = {user for user, used in rests if used in taken} - set(greedy)
    gone = _gone(normal, incident) - set(excused)
    incident = _without(incident, busy)
    ranked = EARLY + (1 - EARLY) * min(points / LONG, 1.0)

    def against(apart: Collection[Entity]) -> Evidence:
        found = rank(normal, incident, signals, calls, apart=apart)
        evidence = {
            entity: (ranked * score + BROKE * log1p(min(broke.get(entity, 0.0), CLEAR)))
            * (DISTURBED if entity in disturbed else 1.0)
            for entity, score in found.entities.items()
            if entity not in taken and entity not in excused
        }
        blamed = set(found.blamed)
        for one in gone:
            suffering = [entity for entity in evidence if entity != one and ways.leads(one, entity)]
            evidence[one] = max((evidence[entity] for entity in suffering), default=0.0)
            evidence |= {entity: DISTURBED * evidence[entity] for entity in suffering}
            blamed = blamed - set(suffering) | {one}
        return Evidence(evidence, frozenset(blamed))

    first = against(())
    roots = named_roots(first.against, first.blamed, ways, named, anomalous, against)
    return Suspects(roots, confidences(first.against))


def _gone(normal: Matrix, incident: Matrix) -> set[Entity]:
    """Who was there before, and of whom nothing is known any more."""
    there: dict[Entity, float] = {}
    left: set[Entity] = set()
    for variable, before in zip(normal.variables, np.isfinite(normal.values).mean(axis=1).tolist(), strict=True):
        there[variable.entity] = max(there.get(variable.entity, 0.0), before)
        if np.isfinite(incident.row(variable)).any():
            left.add(variable.entity)
    return {entity for entity, share in there.items() if share >= THERE and entity not in left}


def _without(matrix: Matrix, busy: Sequence[Busy]) -> Matrix:
    """The same, with nothing known of those who were busy."""
    rows: dict[Entity, list[int]] = {}
    for number, variable in enumerate(matrix.variables):
        rows.setdefault(variable.entity, []).append(number)
    values = matrix.values.copy()
    for entity, start, end in busy:
        if entity in rows and end >= matrix.start and start <= matrix.end:
            columns = np.flatnonzero((matrix.times >= start) & (matrix.times <= end))
            values[np.ix_(rows[entity], columns.tolist())] = np.nan
    return Matrix(matrix.variables, matrix.start, matrix.step, values)


def named_roots(
    evidence: Mapping[Entity, float],
    blamed: frozenset[Entity],
    ways: Ways,
    named: Sequence[Entity] = (),
    anomalous: Collection[Entity] = (),
    beside: Callable[[Collection[Entity]], Evidence] | None = None,
) -> dict[Entity, float]:
    """Who is named: one after the other, each as likely as it is when those before it are left out; after the first,
    only who is blamed by the ranking alone.

    Somebody `anomalous` who is blamed, and neither suffers by one that is likely nor makes it suffer, broke beside it,
    and does not speak against it; three at once have something in common that nobody knows. Who is anomalous and does
    not suffer by any of those named is compared with whoever else is left, as `beside` has the evidence once they are
    set apart.
    """
    left, found = dict(evidence), dict[Entity, float]()
    while left:
        sure = confidences(left)
        best = max(sure, key=lambda one: (sure[one], str(one)))
        kept = next((one for one in named if one in left and sure[one] >= KEPT), best)
        if sure[best] < HYSTERESIS * sure[kept]:
            best = kept
        suffers = any(ways.leads(root, best) or not ways.tied(best) for root in found)
        least = BESIDE if suffers else KEPT if best in named else NAMED
        beside_it = [one for one in anomalous if one in blamed and ways.unrelated(one, best)]
        rivals = {*left} - {*(beside_it if len(beside_it) + 1 < TOGETHER else ())}
        likely = confidences({one: left[one] for one in left if one in rivals})[best]
        if likely < least or (found and best not in blamed):
            break
        found[best] = likely
        del left[best]
        own = [one for one in anomalous if one in left and ways.tied(one)]
        own = [one for one in own if not any(ways.leads(root, one) for root in found)]
        if own and beside:
            again = beside([*found])
            left |= {one: again.against[one] for one in own if one in again.against}
            blamed |= again.blamed & {*own}
    return found
