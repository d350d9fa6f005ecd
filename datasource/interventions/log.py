"""The audit log of interventions: appended to, never changed."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from datasource.interventions.entry import (
    NOTHING,
    Action,
    Entry,
    Intervention,
    Verification,
    followed,
    verify,
)
from datasource.interventions.statement import (
    InterventionError,
    KeyTakenError,
    UnknownInterventionError,
    read_statement,
)
from datasource.settings.store import Store
from datasource.store import Database, Logged, StoreError, open_database

log = logging.getLogger(__name__)

_LONGEST_KEY = 200


class Written(NamedTuple):
    """What an entry made of an intervention; `new` is False where the same was written under the same key before."""

    intervention: Intervention
    entry: Entry
    new: bool


class InterventionLog:
    """The log in a store, for any number of threads, beside other processes that write to it.

    Every method raises StoreError where the store cannot be used. `now` gives seconds since 1970.
    """

    def __init__(self, store: Store | None, now: Callable[[], float] = time.time) -> None:
        self.store = store
        self._now = now
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._entries: list[Entry] = []
        self._known: dict[int, Intervention] = {}
        self._number, self._head = 0, NOTHING

    def record(self, said: Mapping[str, Any], who: str, key: str = "") -> Written:
        """Write down an intervention, as `Statement` has it. Raises InterventionError.

        The same said again under the same `key` is answered with what is there already.
        """
        return self._write("record", 0, said, who, key)

    def correct(self, intervention: int, said: Mapping[str, Any], who: str, key: str = "") -> Written:
        """Say something else or something more of an intervention, as its end. Raises InterventionError."""
        if not said:
            raise InterventionError("nothing is said; say what changes, as its end")
        self.one(intervention)
        return self._write("correct", intervention, said, who, key)

    def all(self) -> tuple[Intervention, ...]:
        """Every intervention, the one that began last first."""
        with self._lock:
            self._read()
            return tuple(sorted(self._known.values(), key=lambda one: (one.start, one.id), reverse=True))

    def one(self, intervention: int) -> Intervention:
        """An intervention by its id. Raises UnknownInterventionError."""
        with self._lock:
            self._read()
            if intervention not in self._known:
                newest = ", ".join(str(number) for number in sorted(self._known, reverse=True)[:5]) or "none"
                raise UnknownInterventionError(f"there is no intervention {intervention}; the newest are: {newest}")
            return self._known[intervention]

    def under(self, key: str) -> Intervention:
        """The intervention that was recorded under a key. Raises UnknownInterventionError."""
        with self._lock:
            self._read()
            for entry in self._entries:
                if entry.key == key and entry.action == "record":
                    return self._known[entry.intervention]
        raise UnknownInterventionError(f"no intervention was recorded under the key '{key[:100]}'")

    def entries(self, intervention: int | None = None) -> tuple[Entry, ...]:
        """The entries in order, of all or of one intervention."""
        with self._lock:
            self._read()
            return tuple(one for one in self._entries if intervention in (None, one.intervention))

    def verify(self, known: str = "") -> Verification:
        """Whether all entries are there as they were written; `known` is a head that was noted before."""
        with self._lock:
            return verify(self._open().logged(), known)

    def remember(self, name: str, text: str) -> None:
        """Keep a text beside the log, under a name; the last one counts."""
        with self._lock:
            self._open().write([], {name: text}, keep_from=0)

    def recall(self, name: str) -> str:
        """What was remembered under a name; empty where nothing was."""
        with self._lock:
            return self._open().state(name) or ""

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._forget()

    def _write(self, action: Action, intervention: int, said: Mapping[str, Any], who: str, key: str) -> Written:
        plain = read_statement(said).said()
        key = key or str(uuid.uuid4())
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise InterventionError(f"the key is longer than {_LONGEST_KEY} letters or does not print; choose another")
        with self._lock:
            database = self._open()
            made: list[Entry] = []

            def follow(rows: list[Logged]) -> Logged:
                self._take(rows)
                about = intervention or self._number + 1
                entry = Entry(self._number + 1, key, int(self._now()), about, action, who, plain, self._head)
                followed(self._known.get(about), entry)
                made[:] = [entry]
                return entry.logged()

            try:
                row = database.append(key, self._number, follow)
            except StoreError:
                self._forget()
                raise
            self._read()
            entry = Entry.read(row)
            same = (entry.action, entry.said) == (action, plain) and intervention in (0, entry.intervention)
            if not same:
                raise KeyTakenError(
                    f"the key '{key}' was used for another entry, {entry.number} of intervention {entry.intervention}; "
                    "choose another key, or leave it out"
                )
            return Written(self._known[entry.intervention], entry, bool(made) and made[-1].logged() == row)

    def _open(self) -> Database:
        if self.store is None:
            raise StoreError("this service keeps nothing; start it with a store")
        if self._database is None:
            self._database = open_database(self.store)
        return self._database

    def _read(self) -> None:
        """Take what was appended since, by whomever."""
        try:
            self._take(self._open().logged(self._number))
        except StoreError:
            self._forget()
            raise

    def _take(self, rows: Iterable[Logged]) -> None:
        """Learn entries. One that somebody broke is left out: `verify` tells of it."""
        for row in rows:
            if row.number <= self._number:
                continue
            self._number, self._head = row.number, row.digest
            try:
                entry = Entry.read(row)
                self._known[entry.intervention] = followed(self._known.get(entry.intervention), entry)
            except (ValueError, TypeError, InterventionError):
                log.warning("entry %d of the log of interventions cannot be read", row.number)
                continue
            self._entries.append(entry)

    def _forget(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database, self._entries, self._known = None, [], {}
        self._number, self._head = 0, NOTHING
