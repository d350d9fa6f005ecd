"""What a source says of one pair, before names become entities."""

from typing import NamedTuple

End = tuple[tuple[str, str], ...] | str
"""Who is at an end: labels of the entity as far as they are known, or a name as the entity is shown."""


class SourceError(Exception):
    """A source cannot be read; the text says why and what to change."""


class Sighting(NamedTuple):
    """A pair that a source saw: who, in the order of the relation's ends, and what it knows of the calls.

    `waits` is None where the source cannot tell. `rate` is in calls per second, `last_seen` in seconds.
    """

    ends: tuple[End, End]
    waits: bool | None = None
    connection: str = ""
    rate: float | None = None
    last_seen: int | None = None


class Span(NamedTuple):
    """The time that is looked at: from `start` to `end`, every `step` seconds."""

    start: int
    end: int
    step: int
