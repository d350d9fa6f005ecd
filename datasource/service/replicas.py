"""Several services on one store: one leads, evaluates and exposes results; the others show the same and wait."""

import logging
import threading
import time
from dataclasses import replace
from math import inf
from typing import NamedTuple
from uuid import uuid4

from datasource.service.evaluator import Marking
from datasource.service.packing import PackingError, packed, unpacked
from datasource.service.served import Health
from datasource.service.snapshot import Snapshot
from datasource.settings import Settings
from datasource.settings.store import Store
from datasource.store import Database, StoreError, from_json, open_database, to_json
from datasource.store.lease import Lease

log = logging.getLogger(__name__)

_STEPS = 1.5
"""Steps for which a lease lasts unless it is renewed: a replica takes over within two."""
_LEAST_SECONDS = 30.0
"""So long a process that is replaced may take to come back, on a slow machine."""
_RENEWALS = 4
"""How often a lease is renewed while it lasts."""
_PUBLISHED, _STAMP, _WAITING, _MARKS = "published", "published at", "waiting", "marks"


class Shared(NamedTuple):
    """What the leader shows, as it travels through the store: without settings, for they hold secrets."""

    fingerprint: str
    snapshot: Snapshot
    health: Health


class Waiting(NamedTuple):
    """A replica that waits, and until when it is known to (seconds of the database's time)."""

    who: str
    until: float


class ForwardedMark(NamedTuple):
    """What somebody said of an incident to a replica that does not lead."""

    id: str
    marking: Marking


class Replicas:
    """This process among those that use the same store. `look` is called by one thread, often; the rest by another."""

    def __init__(self, store: Store, who: str, step: float) -> None:
        self._store = store
        self._who = who
        self._seconds = max(_LEAST_SECONDS, _STEPS * step)
        self.lease = Lease(who, self._seconds)
        self._next_look = 0.0
        self._leads, self._alone = True, True
        self.able = True
        """Whether what this process finds out can be shown; where it cannot, one that waits leads."""
        self.unreachable = ""
        """Why the store cannot be asked; empty while it can."""
        self._database: Database | None = None
        self._opening = threading.Lock()
        self._seen = ""

    @property
    def leads(self) -> bool:
        """Whether this process evaluates. While the store cannot be asked, whoever led goes on: silence would be worse
        than two that say the same."""
        return self.lease.held or (bool(self.unreachable) and self._leads)

    @property
    def leader(self) -> str:
        """Who leads, as far as is known."""
        return self.lease.holder

    @property
    def leads_until(self) -> float:
        """Until when (seconds of the monotonic clock) this process leads if it is heard of no more: as long as nobody
        waits, for ever."""
        if not self.leads:
            return 0.0
        return inf if self.unreachable or self._alone else self.lease.until

    def look(self) -> bool:
        """Renew the lease, or take it where it is free, or say that we wait for it; whether that was due.

        Where this process is not `able` to show anything, it leaves the lease to whoever waits for it."""
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + self._seconds / _RENEWALS
        try:
            database = self._open()
            if self.able or not self._somebody_waits(database):
                self._leads = self.lease.take(database)
            elif self.lease.held:
                log.warning("what is found out here cannot be shown: another process may lead")
                self.lease.release(database)
                self._leads = False
            if not self._leads:
                self._next_look = time.monotonic() + 1.0
                database.change(_WAITING, self._waiting if self.able else self._not_waiting)
            self.unreachable = ""
        except StoreError as error:
            if not self.unreachable:
                log.warning("who leads cannot be told, this process goes on as it was: %s", error)
            self.unreachable = str(error)
            self.close()
        return True

    def release(self) -> None:
        """Let somebody else lead at once, and let go of the store."""
        try:
            if self.lease.held:
                self.lease.release(self._open())
        except StoreError as error:
            log.warning("the lease ends by itself: %s", error)
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        with self._opening:
            if self._database is not None:
                self._database.close()
                self._database = None

    def share(self, snapshot: Snapshot, fingerprint: str, health: Health) -> None:
        """Let those that wait see what is shown here, if there are any. Raises StoreError."""
        database = self._open()
        self._alone = not self._somebody_waits(database)
        if self._alone:
            return
        bare = replace(snapshot, settings=None)  # type: ignore[arg-type]
        states = {_PUBLISHED: packed(Shared(fingerprint, bare, health)), _STAMP: uuid4().hex}
        database.write([], states, 0)

    def shared(self, settings: Settings, fingerprint: str) -> Shared | None:
        """What the leader shows, where that is new. Raises StoreError, PackingError."""
        database = self._open()
        stamp = database.state(_STAMP)
        if not stamp or stamp == self._seen:
            return None
        found: Shared | None = unpacked(database.state(_PUBLISHED) or "")
        if found is None:
            raise PackingError(f"{self.leader} leads with another version of this service")
        if found.fingerprint != fingerprint:
            raise PackingError(
                f"{self.leader} leads with other settings; replicas need the same file, and another installation its "
                "own store.directory or store.url"
            )
        self._seen = stamp
        return found._replace(snapshot=replace(found.snapshot, settings=settings))

    def forward(self, marking: Marking) -> None:
        """Give a mark to the leader. Raises StoreError."""
        one = ForwardedMark(uuid4().hex, marking)
        self._open().change(_MARKS, lambda payload, _: to_json([*_marks(payload), one]))

    def forwarded(self) -> tuple[ForwardedMark, ...]:
        """The marks that others gave to the leader. Raises StoreError."""
        return _marks(self._open().state(_MARKS))

    def done(self, marks: tuple[ForwardedMark, ...]) -> None:
        """Forget marks that were done. Raises StoreError."""
        gone = {one.id for one in marks}

        def left(payload: str | None, _: float) -> str:
            return to_json([one for one in _marks(payload) if one.id not in gone])

        if gone:
            self._open().change(_MARKS, left)

    def _somebody_waits(self, database: Database) -> bool:
        found = False

        def look(payload: str | None, now: float) -> None:
            nonlocal found
            found = bool(self._others(payload, now))

        database.change(_WAITING, look)
        return found

    def _waiting(self, payload: str | None, now: float) -> str:
        return to_json([*self._others(payload, now), Waiting(self._who, now + self._seconds)])

    def _not_waiting(self, payload: str | None, now: float) -> str:
        return to_json(self._others(payload, now))

    def _others(self, payload: str | None, now: float) -> list[Waiting]:
        return [one for one in _until(payload, now) if one.who != self._who]

    def _open(self) -> Database:
        with self._opening:
            if self._database is None:
                self._database = open_database(self._store)
                self._database.fence = self.lease
            return self._database


def _until(payload: str | None, now: float) -> tuple[Waiting, ...]:
    try:
        found = from_json(tuple[Waiting, ...], payload) if payload else ()
    except ValueError:
        return ()
    return tuple(one for one in found if one.until > now)


def _marks(payload: str | None) -> tuple[ForwardedMark, ...]:
    try:
        return from_json(tuple[ForwardedMark, ...], payload) if payload else ()
    except ValueError:
        log.warning("marks that other replicas left cannot be read")
        return ()
