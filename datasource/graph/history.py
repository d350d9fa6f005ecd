"""The versions of the graph in the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasource.graph.model import CausalGraph
from datasource.graph.versions import Accepted, Recorded, Version, follow
from datasource.settings.store import Store
from datasource.store import Database, Fence, StoreError, from_json, open_database, to_json

KEPT = 1000
"""So many versions are kept, the newest ones."""
_VERSION, _NOW, _ACCEPTED = "graph version ", "graph now", "graph accepted"


class GraphHistory:
    """What a store knows of the graph. Every method raises StoreError where it cannot be used."""

    def __init__(self, store: Store, fence: Fence | None = None) -> None:
        self._store, self._fence = store, fence

    def now(self) -> Recorded | None:
        """The newest version, as the next one is compared with it; None where none was kept."""
        with self._opened() as database:
            return _recorded(database)

    def versions(self, newest: int = KEPT) -> tuple[Version, ...]:
        """The newest ones, the last one first."""
        with self._opened() as database:
            texts = database.states(_VERSION)
        found = [version for text in texts.values() if (version := _version(text))]
        return tuple(sorted(found, key=lambda one: -one.number)[:newest])

    def record(self, graph: CausalGraph, rules: tuple[str, ...], at: int) -> tuple[Recorded, Version | None]:
        """Keep the graph as a version of its own where it differs from the newest one."""
        with self._opened() as database:
            before = _recorded(database)
            found = follow(before, graph, rules, at, _accepted(database))
            if found is None:
                assert before is not None
                return before, None
            version, now = found
            kept = {f"{_VERSION}{version.number % KEPT:03d}": to_json(version), _NOW: to_json(_plain(now))}
            used = {_ACCEPTED: to_json(Accepted())} if not before or before.rules != rules else {}
            database.fence = self._fence
            database.write([], kept | used, keep_from=0)
            return now, version

    def accept(self, rules: tuple[str, ...], by: str, reason: str) -> None:
        """Say who takes rules into the settings and why; the version that has them says so."""
        with self._opened() as database:
            database.write([], {_ACCEPTED: to_json(Accepted(rules, by, reason))}, keep_from=0)

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        database = open_database(self._store)
        try:
            yield database
        finally:
            database.close()


def _plain(now: Recorded) -> dict[str, object]:
    return {"number": now.number, "rules": now.rules, "seen": {edge: list(one) for edge, one in now.seen.items()}}


def _recorded(database: Database) -> Recorded | None:
    import orjson

    from datasource.graph.versions import Seen

    text = database.state(_NOW)
    if not text:
        return None
    try:
        found = orjson.loads(text)
        seen = {str(edge): Seen(*one) for edge, one in found["seen"].items()}
        return Recorded(int(found["number"]), tuple(map(str, found["rules"])), seen)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the newest version of the graph in the store cannot be read: {error}") from None


def _version(text: str) -> Version | None:
    try:
        return from_json(Version, text)
    except ValueError:
        return None


def _accepted(database: Database) -> Accepted:
    try:
        return from_json(Accepted, database.state(_ACCEPTED) or "{}")
    except ValueError:
        return Accepted()
