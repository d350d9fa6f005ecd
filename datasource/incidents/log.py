"""The log of incidents: grouped at every evaluation, remembered here, and in the store while there is one."""

import logging
import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from datasource.anomaly import Accepted
from datasource.anomaly.fit_one import FEWEST_ACCEPTED
from datasource.causes import Judgement, Recurrences, Verdict
from datasource.causes.recurrence import Recurred
from datasource.causes.suspects import Busy
from datasource.data import Entity, Matrix
from datasource.incidents.closed import follow_closed
from datasource.incidents.connected import Neighbours
from datasource.incidents.episodes import Past
from datasource.incidents.grouping import busy, group, longer
from datasource.incidents.model import Incident, Mark
from datasource.incidents.seen_before import Seen, seen_before
from datasource.interventions import Intervention
from datasource.settings import Settings
from datasource.settings.store import Store
from datasource.store import Database, Fence, Record, StoreError, from_json, open_database, to_json

log = logging.getLogger(__name__)

_RETRY, _RETRY_STEPS = 60.0, 2
"""Seconds, at most, and steps until a store that failed is written again."""
_SHOWN = 200
"""Incidents kept in the snapshot, the newest first."""
_REMEMBERED = 2000
"""Incidents of before the baseline that are compared with those that go on, the newest."""
_VERDICTS, _RECURRENCES = "verdicts", "recurrences"


class IncidentLog:
    """Every incident that goes on or ended within the baseline, and older ones to compare with. One thread uses it.

    While the store cannot be used, `lost` and `notices` say why; the log goes on in memory, tries again after two steps
    (a minute at most), and then writes what it has missed.
    """

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.store = store
        self.fence: Fence | None = None
        """What has to hold for the store to be written."""
        self.verdicts: tuple[Verdict, ...] = ()
        self.recurrences = Recurrences()
        self._settings = settings
        self._incidents: dict[str, Incident] = {}
        self._earlier: dict[str, Incident] = {}
        self._unsaved: set[str] = set()
        self._unfitted: set[str] = set()
        self._not_marked = ""
        self._written = {_VERDICTS: "[]", _RECURRENCES: "[]"}
        self._model: object = None
        self._database: Database | None = None
        self._retry_at = 0.0
        self._shown_last: tuple[tuple[Incident, ...], tuple[Verdict, ...]] = (), ()
        self.lost = ""
        """Why the store cannot be used, and what to change; empty while it can."""
        self._unreadable = 0

    def under(self, settings: Settings) -> "IncidentLog":
        """The same log for other settings, which may name another store."""
        if settings.store != self._settings.store and self.store is not None:
            self.close()
            self.store, self._retry_at = settings.store, 0.0
        self._settings = settings
        return self

    def go_on_from(self, incidents: tuple[Incident, ...], verdicts: tuple[Verdict, ...]) -> None:
        """Know what another process showed last, as far as the store does not know better or cannot be asked."""
        self._shown_last = incidents, verdicts

    def _take_shown(self) -> set[str]:
        """Take over what was shown last and is not known; the ids of those incidents."""
        (incidents, verdicts), self._shown_last = self._shown_last, ((), ())
        new = {one.id: one for one in incidents if one.id not in self._incidents}
        self._incidents |= new
        self._unfitted |= {name for name, one in new.items() if one.open and one.accepted}
        self.verdicts = self.verdicts or verdicts
        return set(new)

    def recall(self, time: int) -> None:
        """Open the store where that is due, and take from it what is not known yet. `time` is the evaluation's."""
        if self.store is None or self._database is not None or clock.monotonic() < self._retry_at:
            return
        try:
            self._database = open_database(self.store)
            self._database.fence = self.fence
            records = self._database.records(time - int(max(self._settings.baseline, self.store.keep)))
            self._written = {name: self._database.state(name) or "[]" for name in self._written}
        except Exception as error:
            self._lose(error)
            self._take_shown()
            return
        if self.lost:
            log.warning("incidents are kept in the store again")
        self.lost, self._unreadable = "", 0
        self._unsaved = {*self._incidents, *self._earlier}
        oldest = time - self._settings.baseline
        for record in records:
            known = self._incidents if record.end is None or record.end >= oldest else self._earlier
            try:
                known.setdefault(record.id, from_json(Incident, record.payload))
            except ValueError:
                log.warning("incident %s in the store cannot be read", record.id)
                self._unreadable += 1
        self._unfitted |= {one.id for one in self._incidents.values() if one.open and one.accepted}
        self._unsaved |= self._take_shown()
        try:
            self.verdicts = self.verdicts or from_json(tuple[Verdict, ...], self._written[_VERDICTS])
        except ValueError:
            log.warning("the verdicts in the store cannot be read")
        try:
            self.recurrences.learn(from_json(tuple[Recurred, ...], self._written[_RECURRENCES]))
        except ValueError:
            log.warning("what recurs cannot be read from the store")

    def update(
        self,
        judgement: Judgement,
        near: Neighbours,
        time: int,
        past: Past | None = None,
        advise: Callable[[Incident], Incident] = lambda incident: incident,
        model: object = None,
    ) -> None:
        """Group what was judged at `time`, have advice for what is new about it (everything, for another `model`),
        and store what has changed.

        Those that were accepted and still go on wait for the next fit: they take nothing in, and what is said of their
        entities begins no other incident. Nor does what is said of the entities of one that was closed, until they
        have recovered.
        """
        before, how = self._incidents, grouping(self._settings)
        self.verdicts = judgement.verdicts
        waiting, spoken_for = dict[str, Incident](), set[Entity]()
        for name, one in before.items():
            if one.accepted if one.open else one.mark and not one.merged_into:
                waiting[name], lasting = follow_closed(one, judgement, time=time, **how)
                spoken_for |= {*lasting, *(one.affected if one.open else ())}
                if lasting:
                    self._expect(waiting[name])
        others = tuple(one for name, one in before.items() if name not in waiting)
        left = tuple(verdict for verdict in judgement.verdicts if verdict.entity not in spoken_for)
        judged = replace(judgement, verdicts=left) if spoken_for else judgement
        after = {one.id: one for one in group(others, judged, near, time=time, past=past, **how)} | waiting
        for name, incident in after.items():
            new = _news(incident) != _news(before.get(name)) or (incident.open and model is not self._model)
            if new and not (incident.merged_into or incident.accepted or incident.mark):
                after[name] = advise(incident)
        self._model = model
        self._incidents = after
        self._unsaved |= {name for name, one in after.items() if _changed(before.get(name), one)}
        self._save(time)
        self._forget(time)

    def mark(
        self,
        name: str,
        mark: Mark,
        advise: Callable[[Incident], Incident] = lambda incident: incident,
        into: str = "",
    ) -> None:
        """Somebody says something of an incident; saying it twice changes nothing.

        An accepted one that goes on ends with the first fit that knows its level, of one that is over no fit has to
        know; any other mark ends an incident at once. What cannot be marked, as what was merged, a notice tells.
        """
        incident, self._not_marked = self._incidents.get(name), ""
        if incident is not None and incident.is_so(mark.kind, into):
            return
        survivor = self._incidents.get(into)
        if incident is None or incident.merged_into:
            why = f"it is part of {incident.merged_into}; name that one" if incident else "it is not known any more"
            self._not_marked = f"incident {name} was not {mark.kind}: {why}"
        elif mark.kind == "merged" and (survivor is None or survivor.merged_into or survivor is incident):
            self._not_marked = f"incident {name} was not merged: there is no other incident {into!r} any more"
        else:
            over = advise(replace(incident, end=mark.at)) if incident.open else incident
            said = replace(incident, summary=f"{over.summary} {mark.words}".strip(), suggestions=(), action="")
            if mark.kind == "accepted":
                end = None if incident.suffering else incident.end
                self._keep(replace(said, accepted=mark, end=end))
                self._unfitted.add(name)
                return
            end = mark.at if incident.open else incident.end
            if survivor is None:
                self._keep(replace(said, mark=mark, end=end))
                self._expect(self._incidents[name])
                return
            told = f"Part of incident {into}. {mark.words}"
            self._keep(replace(said, mark=mark, end=end, merged_into=into, summary=told, suffering=()))
            both = _merged(survivor, incident)
            self._keep(both if both.accepted or both.mark else advise(both))
            self._expect(both)
            if both.accepted and both.open:
                self._unfitted.add(into)

    def _keep(self, incident: Incident) -> None:
        self._incidents[incident.id] = incident
        self._unsaved.add(incident.id)

    def _expect(self, incident: Incident) -> None:
        """What an expected incident showed is usual at its time of day."""
        for episode in incident.episodes if incident.is_so("expected") else ():
            self.recurrences.expect(*episode[:3])

    def unfitted(self, time: int) -> frozenset[str]:
        """The ids of accepted incidents of which no fit has heard yet, and whose levels enough points are known of at
        `time` (seconds): those after the window of every signal."""
        longest = max((signal.window for signal in self._settings.signals.values()), default=0.0)
        since = time - longest - FEWEST_ACCEPTED * self._settings.step
        found = (self._incidents.get(name) for name in self._unfitted)
        return frozenset(
            one.id for one in found if one and max((e.start for e in one.episodes), default=one.start) <= since
        )

    def fitted(self, names: Iterable[str], time: int) -> None:
        """The mechanisms of `time` know the levels of these accepted incidents: those that went on are over."""
        for name in names:
            self._unfitted.discard(name)
            incident = self._incidents.get(name)
            if incident is not None and incident.open:
                self._keep(replace(incident, end=time, updated=time, suffering=()))

    def accepted(self) -> tuple[Accepted, ...]:
        """Whose level is a new one since when, because somebody accepted an incident that went on."""
        found = set()
        for incident in self._incidents.values():
            if incident.lasting:
                began = {one.entity: one.start for one in incident.episodes}
                found |= {Accepted(entity, began.get(entity, incident.start)) for entity in incident.affected}
        return tuple(sorted(found))

    def busy(self) -> tuple[Busy, ...]:
        """When whose anomalies were parts of incidents and are over."""
        return busy(self._incidents.values())

    def shown(self) -> tuple[Incident, ...]:
        """Those that go on and those that ended within the baseline, at most 200, the newest first."""
        newest = sorted(self._incidents.values(), key=lambda one: (one.open, one.start, one.id), reverse=True)[:_SHOWN]
        return tuple(sorted(newest, key=lambda one: (one.start, one.id), reverse=True))

    def seen_before(self, interventions: Sequence[Intervention], matrix: Matrix) -> Mapping[str, tuple[Seen, ...]]:
        """Of every incident that goes on, by its id, the earlier ones like it with what ended them, as long as the
        store keeps them."""
        earlier = [*self._earlier.values(), *(one for one in self._incidents.values() if not one.open)]
        going_on = [one for one in self._incidents.values() if one.open]
        return {one.id: seen for one in going_on if (seen := seen_before(one, earlier, interventions, matrix))}

    @property
    def notices(self) -> tuple[str, ...]:
        """What is wrong with the store, and what to change."""
        lost = f"incidents are kept in memory only: {self.lost}; it is tried again by itself" if self.lost else ""
        unreadable = f"{self._unreadable} incidents in the store were written by another version and are not shown"
        return tuple(text for text in (lost, unreadable if self._unreadable else "", self._not_marked) if text)

    def close(self) -> None:
        """Let go of the store."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _save(self, time: int) -> None:
        if self._database is None or self.store is None:
            return
        try:
            verdicts = to_json([_without_causes(verdict) for verdict in self.verdicts])
            state = {_VERDICTS: verdicts, _RECURRENCES: to_json(self.recurrences.rows())}
            if self._unsaved or state != self._written:
                every = self._earlier | self._incidents
                unsaved = [every[name] for name in sorted(self._unsaved)]
                records = [Record(one.id, one.start, one.end, to_json(one)) for one in unsaved]
                self._database.write(records, state, time - int(self.store.keep))
                self._unsaved, self._written = set(), state
            else:
                self._database.check()
        except Exception as error:
            self._lose(error)

    def _forget(self, time: int) -> None:
        """What ended before the baseline is dropped, once it is in the store; what recurs is remembered for longer."""
        self.recurrences.forget(time)
        oldest = time - self._settings.baseline
        unsaved = time - self.store.keep if self.store else oldest
        before = self._incidents
        self._incidents = {
            name: one
            for name, one in before.items()
            if one.end is None or one.end >= (unsaved if name in self._unsaved else oldest)
        }
        self._earlier |= {name: one for name, one in before.items() if name not in self._incidents}
        kept = sorted(self._earlier.values(), key=lambda one: one.start, reverse=True)[:_REMEMBERED]
        least = time - (self.store.keep if self.store else Store().keep)
        self._earlier = {one.id: one for one in kept if one.end is not None and one.end >= least}

    def _lose(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            log.error("the store failed", exc_info=error)
        elif not self.lost:
            log.warning("incidents are kept in memory only: %s", error)
        self.lost = str(error) or type(error).__name__
        self._retry_at = clock.monotonic() + min(_RETRY, _RETRY_STEPS * self._settings.step)
        self.close()


def grouping(settings: Settings) -> dict[str, int]:
    """How incidents are grouped, by the settings."""
    persistence = settings.anomaly.persistence
    return {"step": int(settings.step), "points": persistence.points, "of": persistence.of}


def _merged(survivor: Incident, other: Incident) -> Incident:
    """An incident with all that was in another; it goes on while either does, unless somebody closed it."""
    episodes = {episode.entity: episode for episode in survivor.episodes}
    for episode in other.episodes:
        episodes[episode.entity] = longer(episodes.get(episode.entity), episode)
    ends = [end for end in (survivor.end, other.end) if end is not None]
    return replace(
        survivor,
        start=min(survivor.start, other.start),
        end=survivor.end if survivor.mark else max(ends) if len(ends) == 2 else None,
        updated=max(survivor.updated, other.updated),
        roots=tuple(dict.fromkeys((*survivor.roots, *other.roots))),
        affected=tuple(dict.fromkeys((*survivor.affected, *other.affected))),
        episodes=tuple(sorted(episodes.values(), key=lambda one: (one.start, one.entity))),
        suffering=tuple(sorted({*survivor.suffering, *other.suffering})),
    )


def _news(incident: Incident | None) -> object:
    """What advice is about."""
    return incident and (incident.causes, incident.roots, incident.affected, incident.end, incident.suffering)


def _changed(before: Incident | None, now: Incident) -> bool:
    """Whether it is worth writing: more than that it was looked at once more."""
    return before is None or before != replace(now, updated=before.updated)


def _without_causes(verdict: Verdict) -> Verdict:
    return verdict._replace(causes=verdict.causes._replace(contributions=(), outside=(), unexplained=0.0, path=()))
