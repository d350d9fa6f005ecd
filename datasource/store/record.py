"""What the store keeps, and why it could not."""

from typing import NamedTuple


class Record(NamedTuple):
    """Something with a beginning and an end (seconds since 1970; None while it goes on), and all of it as JSON."""

    id: str
    start: int
    end: int | None
    payload: str


class StoreError(Exception):
    """The store cannot be used. Its text says why, and what to change."""
