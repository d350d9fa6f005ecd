"""Which anomalies belong together: incidents from one evaluation to the next."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from math import isnan, nan

from datasource.causes.judgement import Judgement, Verdict
from datasource.causes.model import RootCauses
from datasource.causes.suspects import Busy
from datasource.data import Entity, Variable
from datasource.incidents.connected import Neighbours, connected
from datasource.incidents.episodes import Episodes, Past, named
from datasource.incidents.model import Episode, Incident

PATIENCE = 2
"""An incident is over when nothing of it was anomalous for so many times the persistence."""
UNOBSERVED = 6
"""What happened while nobody looked is not held against an incident for so many times the patience."""
_LONGEST_NAME = 80
"""Letters of the symptom in an incident's id."""
_HYSTERESIS = 1.5
"""Another symptom becomes the main one when it stands for so many times as many entities."""


def group(
    previous: Sequence[Incident],
    judgement: Judgement,
    near: Neighbours,
    *,
    time: int,
    step: int,
    points: int,
    of: int,
    past: Past | None = None,
) -> tuple[Incident, ...]:
    """The incidents after one more evaluation, of everything up to `time`: those of `previous`, and new ones.

    Anomalous entities belong together when the same root cause is named for them, and when they are `neighbours` and
    none is named for either. They belong to an incident in which they still are anomalous, or whose root is theirs; and
    to one that goes on near them, while nobody is named. Where another root is named than before, it is the incident's
    from then on, unless the one before is named for others, or recovered before the other one began: then that is
    another incident. Two incidents that turn out to be one are merged: the older one goes on, the other ends. An
    incident is over when none of its entities was anomalous for as long as the patience (2 times `of` points); then its
    end is its last anomalous point. After a time without evaluations (a restart, Prometheus away) of at most 6 times
    the patience, what was anomalous before and is so now is the same.

    An incident starts at the first of the newest `of` points that is anomalous, or where `past` says so, when that is
    the oldest of them. Evaluating the same time twice changes nothing. The work grows with the anomalous entities, not
    with all.
    """
    patience = PATIENCE * of
    now = _Now(judgement, near, Episodes(judgement, time, step, points, of, patience, past), time, patience * step)
    found = {incident.id: incident for incident in previous}
    for together in connected(now.links([incident for incident in previous if incident.open])):
        entities = sorted(one for one in together if isinstance(one, tuple) and one in now.verdicts)
        if not entities:
            continue
        older = sorted((found[one] for one in together if isinstance(one, str)), key=lambda one: (one.start, one.id))
        survivor = now.grown(older, entities, found)
        found[survivor.id] = survivor
        for other in older[1:]:
            said = f"Part of incident {survivor.id}."
            found[other.id] = replace(
                other,
                end=_last(other),
                updated=time,
                merged_into=survivor.id,
                summary=said,
                suggestions=(),
                action="",
                suffering=(),
            )
    for incident in found.values():
        if incident.open and incident.updated < time:
            over = time - _last(incident) > now.patience
            found[incident.id] = replace(incident, updated=time, end=_last(incident) if over else None, suffering=())
    return tuple(found.values())


@dataclass(frozen=True)
class _Now:
    judgement: Judgement
    near: Neighbours
    episodes: Episodes
    time: int
    patience: int

    @cached_property
    def verdicts(self) -> dict[Entity, Verdict]:
        return {verdict.entity: verdict for verdict in self.judgement.verdicts}

    @cached_property
    def _top(self) -> dict[Variable, int]:
        """Places of the symptoms that users feel, most of all first."""
        return {causes.symptom: place for place, causes in enumerate(self.judgement.symptoms)}

    def links(self, incidents: Iterable[Incident]) -> Iterator[tuple[Entity | str, Entity | str]]:
        """What ties anomalous entities to each other, to root causes, and to incidents (by id) that are not over."""
        of_entity: dict[Entity, list[Incident]] = {}
        for incident in incidents:
            if self.time - incident.updated <= UNOBSERVED * self.patience:
                for entity in {*incident.roots, *(one.entity for one in incident.episodes)}:
                    of_entity.setdefault(entity, []).append(incident)
        for entity, verdict in self.verdicts.items():
            yield entity, verdict.root_cause or entity
            near = {*self.near.get(entity, frozenset()), entity}
            for other in near & self.verdicts.keys():
                if verdict.root_cause == self.verdicts[other].root_cause:
                    yield entity, other
            able = {one.id: one for place in (*near, verdict.root_cause) if place for one in of_entity.get(place, ())}
            if any(verdict.root_cause in one.roots for one in able.values()):
                able = {name: one for name, one in able.items() if not one.roots or verdict.root_cause in one.roots}
            yield from ((name, entity) for name, one in able.items() if self._belongs(one, entity, near))

    def _belongs(self, incident: Incident, entity: Entity, near: AbstractSet[Entity]) -> bool:
        """Whether an entity that is anomalous now belongs to an incident that is not over, of itself or `near` it."""
        root = self.verdicts[entity].root_cause
        own = next((one for one in incident.episodes if one.entity == entity), None)
        lately = [one for one in incident.episodes if incident.updated - one.last <= self.patience]
        if root is not None and incident.roots:
            if root in incident.roots:
                return bool(lately)
            return own in lately and self._lasts(own) and not self._another(incident, root)
        if own in lately and self._lasts(own):
            return True
        if root is not None:
            return any(one.entity == root for one in lately)
        if self._named_now(incident):
            return False  # There is no way to it from what is named.
        return any(one.entity in near and (self._lasts(one) or not incident.roots) for one in lately)

    def _lasts(self, episode: Episode | None) -> bool:
        """Whether an entity did not recover since an episode."""
        verdict = self.verdicts.get(episode.entity) if episode else None
        return bool(episode and verdict and verdict.since - episode.last <= self.episodes.of * self.episodes.step)

    def _named_now(self, incident: Incident) -> bool:
        return any(verdict.root_cause in incident.roots for verdict in self.verdicts.values())

    def _another(self, incident: Incident, root: Entity) -> bool:
        """Whether a root is another one than that of an incident, not what turned out to be meant: the one before is
        still named for somebody, or recovered before the new one began."""
        if self._named_now(incident):
            return True
        known = {one.entity: one for one in incident.episodes}
        before = [known[one].last for one in incident.roots if one in known and not self._lasts(known[one])]
        began = self.verdicts[root].since if root in self.verdicts else self.time
        return bool(before) and began > max(before)

    def grown(self, older: Sequence[Incident], entities: Sequence[Entity], taken: Mapping[str, Incident]) -> Incident:
        """The oldest incident with everything that belongs to it now; a new one where there is none."""
        episodes: dict[Entity, Episode] = {}
        for incident in older:
            for episode in incident.episodes:
                episodes[episode.entity] = longer(episodes.get(episode.entity), episode)
        for entity in entities:
            now = self.episodes.of_verdict(self.verdicts[entity], known=entity in episodes)
            episodes[entity] = longer(episodes.get(entity), now)
        parts = tuple(sorted(episodes.values(), key=lambda one: (one.start, one.entity)))
        causes = self._main_symptom(entities, older[0].causes.symptom if older else None)
        felt = self.verdicts[causes.symptom.entity].root_cause
        roots = self._roots(entities, felt)
        if older and not roots:
            roots = tuple(one for one in older[0].roots if one not in episodes or self._lasts(episodes[one]))
        affected = (*(root for root in roots if root not in episodes), *(one.entity for one in parts))
        if not older:
            start = min(one.start for one in parts)
            return Incident(
                _name(start, causes.symptom, taken),
                start,
                None,
                self.time,
                causes,
                roots,
                affected,
                episodes=parts,
                suffering=tuple(entities),
            )
        oldest = older[0]
        if causes.together and not oldest.causes.together and causes.symptom.entity == oldest.causes.symptom.entity:
            causes = oldest.causes  # What one signal showed says more than that several are a little off now.
        elif causes.symptom == oldest.causes.symptom and roots[:1] == oldest.roots[:1]:
            causes = max(oldest.causes, causes, key=lambda one: (not one.together, abs(one.gap)))
        return replace(
            oldest,
            updated=self.time,
            causes=causes,
            roots=roots,
            affected=affected,
            episodes=parts,
            suffering=tuple(entities),
        )

    def _roots(self, entities: Iterable[Entity], felt: Entity | None) -> tuple[Entity, ...]:
        """Who is named: for the main symptom first, then for the most entities. Who is only the second cause of anybody
        here, and is anomalous, has an incident of its own."""
        votes = Counter(
            root
            for verdict in (self.verdicts[entity] for entity in entities)
            for root in named(verdict)
            if root == verdict.root_cause or root not in self.verdicts
        )
        first = [felt] if felt is not None else []
        return (*first, *sorted(votes.keys() - set(first), key=lambda one: (-votes[one], one)))

    def _main_symptom(self, entities: Sequence[Entity], before: Variable | None) -> RootCauses:
        """What users of the system feel most: the symptom before, until one stands for half as many again. Where
        nobody of the incident is felt, what is most beyond its usual value."""
        own = {self.verdicts[entity].causes.symptom: self.verdicts[entity].causes for entity in entities}
        stands_for = self.judgement.stands_for
        felt = sorted(own.keys() & self._top.keys(), key=self._top.__getitem__)
        if not felt:
            return own[max(own, key=lambda symptom: (self._score(symptom), str(symptom)))]
        most = felt[0]
        if before in felt and stands_for.get(most, 0) <= _HYSTERESIS * stands_for.get(before, 0):
            most = before
        return own[most]

    def _score(self, symptom: Variable) -> float:
        scores = self.judgement.scores.get(symptom)
        score = float(scores.marginal.score[-1]) if scores else nan
        return -1.0 if isnan(score) else score


def busy(incidents: Iterable[Incident]) -> tuple[Busy, ...]:
    """When whose anomalies were parts of incidents and are over, without those of incidents that were none."""
    return tuple(
        Busy(one.entity, one.start, one.last)
        for incident in incidents
        if not incident.is_so("dismissed")
        for one in incident.episodes
        if not (incident.open and one.entity in incident.suffering)
    )


def longer(before: Episode | None, now: Episode) -> Episode:
    """Both episodes of an entity as one."""
    if before is None:
        return now
    return Episode(now.entity, min(before.start, now.start), max(before.last, now.last), now.roots or before.roots)


def _last(incident: Incident) -> int:
    return max((episode.last for episode in incident.episodes), default=incident.start)


def _name(start: int, symptom: Variable, taken: Mapping[str, Incident]) -> str:
    """An id that people can read and that may stand in a URL: when it began, and what was felt."""
    when = datetime.fromtimestamp(start, UTC).strftime("%Y%m%dT%H%M%SZ")
    felt = re.sub(r"[^A-Za-z0-9._]+", "-", str(symptom)).strip("-")[:_LONGEST_NAME]
    name, number = f"{when}-{felt}", 1
    while name in taken:
        number += 1
        name = f"{when}-{felt}-{number}"
    return name
