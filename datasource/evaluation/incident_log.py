"""The log of incidents: grouped at every evaluation, remembered here, and in the store while there is one."""

import logging
import time as clock
from collections.abc import Callable
from dataclasses import replace

from datasource.anomaly import Incident, Judgement, LeftOut, RootCauses, Verdict
from datasource.anomaly.incidents.connected import Neighbours
from datasource.anomaly.incidents.episodes import NEW_NORMAL, Past
from datasource.anomaly.incidents.grouping import group
from datasource.settings import Settings
from datasource.settings.store import Store
from datasource.store import Database, Record, StoreError, from_json, open_database, to_json

log = logging.getLogger(__name__)

_RETRY = 60.0
_SHOWN = 200
_VERDICTS = "verdicts"


class IncidentLog:
    """Every incident that goes on or ended within the baseline. One thread uses it.

    While the store cannot be used, `notices` say why; the log goes on in memory, tries again every minute, and then
    writes what it has missed.
    """

    def __init__(self, settings: Settings, store: Store | None = None) -> None:
        self.store = store
        self.verdicts: tuple[Verdict, ...] = ()
        self._settings = settings
        self._incidents: dict[str, Incident] = {}
        self._unsaved: set[str] = set()
        self._written = "[]"
        self._model: object = None
        self._database: Database | None = None
        self._retry_at = 0.0
        self._lost = ""
        self._unreadable = 0

    def recall(self, time: int) -> None:
        """Open the store where that is due, and take from it what is not known yet. `time` is the evaluation's."""
        if self.store is None or self._database is not None or clock.monotonic() < self._retry_at:
            return
        try:
            self._database = open_database(self.store)
            records = self._database.records(time - int(self._settings.baseline))
            self._written = self._database.state(_VERDICTS) or "[]"
        except Exception as error:
            self._lose(error)
            return
        self._lost, self._unreadable = "", 0
        self._unsaved = set(self._incidents)
        for record in records:
            try:
                self._incidents.setdefault(record.id, from_json(Incident, record.payload))
            except ValueError:
                log.warning("incident %s in the store cannot be read", record.id)
                self._unreadable += 1
        try:
            self.verdicts = self.verdicts or from_json(tuple[Verdict, ...], self._written)
        except ValueError:
            log.warning("the verdicts in the store cannot be read")

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
        and store what has changed."""
        before, how = self._incidents, grouping(self._settings)
        self.verdicts = judgement.verdicts
        after = {one.id: one for one in group(tuple(before.values()), judgement, near, time=time, past=past, **how)}
        for name, incident in after.items():
            new = _news(incident) != _news(before.get(name)) or (incident.open and model is not self._model)
            if new and not incident.merged_into:
                after[name] = advise(incident)
        self._model = model
        self._incidents = after
        self._unsaved |= {name for name, one in after.items() if _changed(before.get(name), one)}
        self._save(time)
        self._forget(time)

    def shown(self) -> tuple[Incident, ...]:
        """Those that go on and those that ended within the baseline, at most 200, the newest first."""
        newest = sorted(self._incidents.values(), key=lambda one: (one.open, one.start, one.id), reverse=True)[:_SHOWN]
        return tuple(sorted(newest, key=lambda one: (one.start, one.id), reverse=True))

    def left_out(self, start: int, end: int) -> tuple[LeftOut, ...]:
        """When who was anomalous, or named as a root cause, between two times: no example of what is normal.

        What lasted longer than a quarter of the baseline is the new normal, and is an example.
        """
        found = []
        for incident in self._incidents.values():
            if not incident.merged_into:
                lasted = {one.entity: (one.start, one.last) for one in incident.episodes}
                whole = incident.start, incident.updated if incident.end is None else incident.end
                found += [LeftOut(entity, *lasted.get(entity, whole)) for entity in incident.affected]
        longest = NEW_NORMAL * self._settings.baseline
        return tuple(
            sorted(one for one in found if one.start <= end and one.end >= start and one.end - one.start <= longest)
        )

    @property
    def notices(self) -> tuple[str, ...]:
        """What is wrong with the store, and what to change."""
        lost = f"incidents are kept in memory only: {self._lost}; tried again every minute" if self._lost else ""
        unreadable = f"{self._unreadable} incidents in the store were written by another version and are not shown"
        return tuple(text for text in (lost, unreadable if self._unreadable else "") if text)

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
            if self._unsaved or verdicts != self._written:
                unsaved = [self._incidents[name] for name in sorted(self._unsaved)]
                records = [Record(one.id, one.start, one.end, to_json(one)) for one in unsaved]
                self._database.write(records, {_VERDICTS: verdicts}, time - int(self.store.keep))
                self._unsaved, self._written = set(), verdicts
        except Exception as error:
            self._lose(error)

    def _forget(self, time: int) -> None:
        """What ended before the baseline is dropped, once it is in the store."""
        oldest = time - self._settings.baseline
        unsaved = time - self.store.keep if self.store else oldest
        self._incidents = {
            name: one
            for name, one in self._incidents.items()
            if one.end is None or one.end >= (unsaved if name in self._unsaved else oldest)
        }

    def _lose(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            log.error("the store failed", exc_info=error)
        elif not self._lost:
            log.warning("incidents are kept in memory only: %s", error)
        self._lost = str(error) or type(error).__name__
        self._retry_at = clock.monotonic() + _RETRY
        self.close()


def grouping(settings: Settings) -> dict[str, int]:
    """How incidents are grouped, by the settings."""
    persistence = settings.anomaly.persistence
    return {"step": int(settings.step), "points": persistence.points, "of": persistence.of}


def _news(incident: Incident | None) -> object:
    """What advice is about."""
    return incident and (incident.causes, incident.roots, incident.affected, incident.end)


def _changed(before: Incident | None, now: Incident) -> bool:
    """Whether it is worth writing: more than that it was looked at once more."""
    return before is None or before != replace(now, updated=before.updated)


def _without_causes(verdict: Verdict) -> Verdict:
    return verdict._replace(causes=RootCauses(verdict.causes.symptom, verdict.causes.gap, ()))
