"""The store in SQLite or PostgreSQL, through SQLAlchemy Core."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from datasource.settings.store import Store
from datasource.store.address import address, arguments
from datasource.store.backup import back_up_file, back_up_tables
from datasource.store.record import Fence, Logged, Record, StoreError
from datasource.store.schema import INCIDENTS, INTERVENTIONS, STATES, migrate


class SqlDatabase:
    """A `Database`. SQLite is in WAL mode and a transaction takes its lock at once, so that several processes can
    use one file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._inode: int | None = None
        self.fence: Fence | None = None

    @classmethod
    def opened(cls, settings: Store) -> "SqlDatabase":
        """Connect and migrate. Raises StoreError, ModuleNotFoundError for a driver."""
        url = address(settings)
        engine = create_engine(url, connect_args=arguments(url), pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _write_ahead)
            event.listen(engine, "begin", _lock_at_once)
        database = cls(engine)
        try:
            with database._transaction() as connection:
                migrate(connection, back_up=partial(database._back_up, connection))
        except StoreError:
            database.close()
            raise
        database._inode = database._place()
        return database

    def write(self, records: Iterable[Record], states: Mapping[str, str], keep_from: int) -> None:
        """Keep records (by id) and states (by name); forget the records that ended before `keep_from`."""
        allowed = self.fence
        incidents = [{"id": r.id, "started": r.start, "ended": r.end, "payload": r.payload} for r in records]
        rows = [{"name": name, "payload": payload} for name, payload in states.items()]
        with self._transaction() as connection:
            if allowed is not None:
                row = connection.execute(STATES.select().where(STATES.c.name == allowed.name)).one_or_none()
                allowed.check(None if row is None else row.payload)
            connection.execute(INCIDENTS.delete().where(INCIDENTS.c.ended < keep_from))
            self._upsert(connection, INCIDENTS, incidents)
            self._upsert(connection, STATES, rows)

    def records(self, since: int) -> list[Record]:
        """Those that have not ended, or not before `since`; the oldest first."""
        wanted = INCIDENTS.select().where(INCIDENTS.c.ended.is_(None) | (INCIDENTS.c.ended >= since))
        with self._transaction() as connection:
            found = connection.execute(wanted.order_by(INCIDENTS.c.started, INCIDENTS.c.id))
            return [Record(*row) for row in found]

    def state(self, name: str) -> str | None:
        """A state as it was kept last, None where there is none."""
        with self._transaction() as connection:
            row = connection.execute(STATES.select().where(STATES.c.name == name)).one_or_none()
        return None if row is None else row.payload

    def states(self, prefix: str) -> dict[str, str]:
        """All states whose name begins so, by name."""
        with self._transaction() as connection:
            rows = connection.execute(STATES.select().where(STATES.c.name.startswith(prefix, autoescape=True)))
            return {row.name: row.payload for row in rows}

    def change(self, name: str, change: Callable[[str | None, float], str | None]) -> None:
        """Give a state its next text, in one transaction that no other change of a state comes between.

        `change` takes the text as it is (None where there is none) and the time of the database in seconds since 1970,
        and gives the next one, or None to leave it.
        """
        with self._transaction() as connection:
            if not self._file:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('causal_states'))"))
            row = connection.execute(STATES.select().where(STATES.c.name == name)).one_or_none()
            after = change(None if row is None else row.payload, self._time(connection))
            if after is not None:
                self._upsert(connection, STATES, [{"name": name, "payload": after}])

    def append(self, key: str, after: int, follow: Callable[[list[Logged]], Logged]) -> Logged:
        """Add to the log the entry that `follow` makes of those whose number is larger than `after`, and have it on
        disk before this returns. Whoever appends meanwhile waits. Where the key is known, its entry is the answer."""
        last = monotonic() + _PATIENCE
        while True:
            try:
                return self._append(key, after, follow)
            except StoreError as error:
                if monotonic() > last or not any(sign in str(error) for sign in _BUSY):
                    raise

    def logged(self, after: int = 0) -> list[Logged]:
        """The entries of the log whose number is larger, in order."""
        with self._transaction() as connection:
            return _logged(connection, after)

    def close(self) -> None:
        """Let go of files and connections."""
        self._engine.dispose()

    def _back_up(self, connection: Connection, version: int) -> None:
        """Keep what is there before it is brought to a newer version."""
        if not self._file:
            back_up_tables(connection, version)
            return
        try:
            back_up_file(Path(self._file), version)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"{self._file} is of an older version and cannot be backed up before it is changed: {error}; make room "
                "beside it"
            ) from None

    def _time(self, connection: Connection) -> float:
        if self._file:
            return time()
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    @property
    def _where(self) -> str:
        return self._file or self._engine.url.render_as_string(hide_password=True)

    def _place(self) -> int | None:
        """Which file it is; one that was deleted takes in what is written to it, and loses it."""
        try:
            return os.stat(self._file).st_ino if self._file else None
        except OSError:
            return None

    def check(self) -> None:
        """Raises StoreError where the file was moved or deleted."""
        if self._inode is not None and self._place() != self._inode:
            raise StoreError(f"{self._where} was moved or deleted; a new one is begun")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        self.check()
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"{self._where}: {self._remedy(error)}") from error

    def _append(self, key: str, after: int, follow: Callable[[list[Logged]], Logged]) -> Logged:
        with self._transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('causal_interventions'))"))
            known = connection.execute(INTERVENTIONS.select().where(INTERVENTIONS.c.key == key)).one_or_none()
            if known is not None:
                return Logged(*known)
            entry = follow(_logged(connection, after))
            connection.execute(INTERVENTIONS.insert().values(entry._asdict()))
            return entry

    def _upsert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
            changed = {one.name: insert.excluded[one.name] for one in table.columns if not one.primary_key}
            connection.execute(insert.on_conflict_do_update(index_elements=table.primary_key, set_=changed), rows)

    def _remedy(self, error: SQLAlchemyError) -> str:
        """What the driver says, and what to change."""
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip().split("\n")[0]
        if not self._file:
            return f"{said}; check that the server runs and that store.url is right"
        return f"{said}; {next((fix for sign, fix in _FIXES.items() if sign in said), _FIXES['unable to open'])}"


def _logged(connection: Connection, after: int) -> list[Logged]:
    wanted = INTERVENTIONS.select().where(INTERVENTIONS.c.number > after).order_by(INTERVENTIONS.c.number)
    return [Logged(*row) for row in connection.execute(wanted)]


_FIXES = {
    "disk is full": "free space on its disk",
    "is locked": "another process holds it; end that one, or give each service its own store.directory",
    "not a database": "it is damaged; move it away and a new one is begun",
    "malformed": "it is damaged; move it away and a new one is begun",
    "unable to open": "let the service write there, or name another store.directory",
}


_PATIENCE = 10.0
_BUSY = ("is locked", "lock timeout")


def _write_ahead(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so
    last = monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            # Of two that begin a file at once SQLite refuses one at once, whatever its timeout says.
            if "locked" not in str(error) or monotonic() > last:
                raise
            sleep(0.05)
    connection.execute("PRAGMA synchronous=FULL")


def _lock_at_once(connection: Connection) -> None:
    connection.execute(text("BEGIN IMMEDIATE"))
