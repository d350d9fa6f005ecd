"""The log of interventions as the clock uses it: what signals tell is written down, what is written is known."""

import logging
import time as clock

from datasource.data import Matrix, Variable
from datasource.interventions import Intervention, InterventionError, InterventionLog
from datasource.interventions.detection import detect
from datasource.interventions.verdicts import Verdict
from datasource.settings import Settings
from datasource.store import StoreError, from_json, to_json

log = logging.getLogger(__name__)

_RETRY, _RETRY_STEPS = 60.0, 2
"""Seconds, at most, and steps until a log that failed is used again."""
_WHO = "signals"
_VERDICTS = "verdicts on edges"
_AGAIN = 3600
"""Seconds that are looked at again in every evaluation: samples come late."""


class Intervening:
    """One thread uses it. While the store cannot be used, `notices` say why, and what is known stays."""

    def __init__(self, settings: Settings, interventions: InterventionLog) -> None:
        self.log = interventions
        self.known: tuple[Intervention, ...] = ()
        self.notices: tuple[str, ...] = ()
        self._settings = settings
        self._verdicts: dict[tuple[Variable, Variable], Verdict] = {}
        self._recalled = False
        self._looked = 0
        self._retry_at = 0.0

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The newest verdict on every edge that one has ever decided."""
        return tuple(self._verdicts.values())

    def follow(self, matrix: Matrix) -> None:
        """Write down what the events of a matrix tell, once, and read what others wrote."""
        if self.log.store is None or clock.monotonic() < self._retry_at:
            return
        try:
            self.known = self.log.all()
            self._recall()
            if self._settings.interventions.detect:
                self._detect(matrix)
            self.notices = ()
        except StoreError as error:
            self.notices = (f"the log of interventions cannot be used: {error}; it is tried again by itself",)
            self._retry_at = clock.monotonic() + min(_RETRY, _RETRY_STEPS * self._settings.step)

    def learn(self, verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
        """All verdicts after new ones, which are kept in the store."""
        earlier = dict(self._verdicts)
        for verdict in verdicts:
            before = self._verdicts.get((verdict.cause, verdict.effect))
            if verdict.kind != "undecided" and (before is None or verdict.intervention >= before.intervention):
                self._verdicts[verdict.cause, verdict.effect] = verdict
        if self._recalled and self._verdicts != earlier:
            try:
                self.log.remember(_VERDICTS, to_json(self.verdicts))
            except StoreError as error:
                log.warning("verdicts on edges are not kept: %s", error)
        return self.verdicts

    def _recall(self) -> None:
        """Once: the verdicts of before a restart."""
        if self._recalled:
            return
        text = self.log.recall(_VERDICTS)
        self._recalled = True
        try:
            kept = from_json(tuple[Verdict, ...], text or "[]")
        except ValueError:
            log.warning("the verdicts on edges in the store cannot be read")
            return
        self._verdicts = {(one.cause, one.effect): one for one in kept} | self._verdicts

    def _detect(self, matrix: Matrix) -> None:
        keys = {entry.key: entry.intervention for entry in self.log.entries()}
        for found in detect(matrix, self._settings.signals, self.known, self._looked - _AGAIN):
            if found.key in keys or (found.of and found.of not in keys):
                continue
            try:
                if found.of:
                    written = self.log.correct(keys[found.of], found.said, _WHO, found.key)
                else:
                    written = self.log.record(found.said, _WHO, found.key)
            except InterventionError as error:
                log.warning("%s is not written down: %s", found.key, error)
                continue
            keys[found.key] = written.intervention.id
            self.known = self.log.all()
        self._looked = matrix.end
