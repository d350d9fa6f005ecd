"""Ties between entities, and all of them together."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from datasource.data import Entity

DATABASE = "database"
MESSAGING = "messaging_system"


class EntityRelation(NamedTuple):
    """One pair of entities in a relation.

    `ends` holds (end, entity), in the order of the relation, the call entity last. `waits` is False where
    the client does not wait for the server, as with messages. `rate` is the mean number of calls per second
    and `last_seen` the newest time (seconds) at which there were any; both None where no source tells. `sources` are
    those that saw it, `connection` is `database` or `messaging_system` where one said so.
    """

    relation: str
    ends: tuple[tuple[str, Entity], ...]
    waits: bool = True
    rate: float | None = None
    last_seen: int | None = None
    sources: tuple[str, ...] = ()
    connection: str = ""

    def end(self, name: str) -> Entity | None:
        """The entity at an end, None where this tie has no such end."""
        return next((entity for end, entity in self.ends if end == name), None)


@dataclass(frozen=True)
class Topology:
    """Every tie, and what could not be read or mapped onto an entity."""

    ties: tuple[EntityRelation, ...] = ()
    notices: tuple[str, ...] = ()

    def along(self, relation: str) -> tuple[EntityRelation, ...]:
        """The ties of one relation."""
        return tuple(tie for tie in self.ties if tie.relation == relation)

    def by_source(self, relation: str) -> dict[str, int]:
        """How many ties of a relation each source saw."""
        return dict(Counter(source for tie in self.along(relation) for source in tie.sources))
