"""The door to the store, which loads SQLAlchemy only when somebody goes through it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from datasource.settings.store import Store
from datasource.store.record import Fence, Logged, Record, StoreError


class Database(Protocol):
    """An open store. Every method raises StoreError; then nothing of what it should do was done."""

    fence: Fence | None
    """What has to hold for `write` to write."""

    def write(self, records: Iterable[Record], states: Mapping[str, str], keep_from: int) -> None:
        """Keep records (by id) and states (by name); forget the records that ended before `keep_from`."""

    def records(self, since: int) -> list[Record]:
        """Those that have not ended, or not before `since`; the oldest first."""

    def state(self, name: str) -> str | None:
        """A state as it was kept last, None where there is none."""

    def states(self, prefix: str) -> dict[str, str]:
        """All states whose name begins so, by name."""

    def check(self) -> None:
        """Raises StoreError where there is nothing to write to any more, as far as that costs no question."""

    def change(self, name: str, change: Callable[[str | None, float], str | None]) -> None:
        """Give a state its next text, in one transaction that no other change of a state comes between.

        `change` takes the text as it is (None where there is none) and the time of the database in seconds since 1970,
        and gives the next one, or None to leave it.
        """

    def append(self, key: str, after: int, follow: Callable[[list[Logged]], Logged]) -> Logged:
        """Add to the log the entry that `follow` makes of those whose number is larger than `after`, and have it on
        disk before this returns. Whoever appends meanwhile waits. Where the key is known, its entry is the answer."""

    def logged(self, after: int = 0) -> list[Logged]:
        """The entries of the log whose number is larger, in order."""

    def close(self) -> None:
        """Let go of files and connections."""


def open_database(settings: Store) -> Database:
    """The store that the settings describe, made or brought to this version where needed. Raises StoreError."""
    from datasource.store.database import SqlDatabase

    try:
        return SqlDatabase.opened(settings)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"{error.name} is not installed; 'pip install causal-datasource[postgresql]' brings it; or leave out"
            " store.url, for SQLite"
        ) from None
