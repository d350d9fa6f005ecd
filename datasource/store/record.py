"""What the store keeps, and why it could not."""

from typing import NamedTuple, Protocol


class Record(NamedTuple):
    """Something with a beginning and an end (seconds since 1970; None while it goes on), and all of it as JSON."""

    id: str
    start: int
    end: int | None
    payload: str


class Fence(Protocol):
    """A condition on the state called `name`."""

    name: str

    def check(self, payload: str | None) -> None:
        """Raises StoreError where, with this text, nothing may be written."""


class Logged(NamedTuple):
    """An entry of the append-only log: its place from 1 on, without gaps; the key it was written under, once; all of it
    as JSON; and the SHA-256 of that text, in hexadecimal."""

    number: int
    key: str
    payload: str
    digest: str


class StoreError(Exception):
    """The store cannot be used. Its text says why, and what to change."""
