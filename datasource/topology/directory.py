"""Finding entities by part of their labels, or by the name they are shown by."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from datasource.data import Entity
from datasource.topology.sighting import End


class Unknown(NamedTuple):
    """Nobody, or nobody in particular: the name as it came, and the entities it may mean."""

    name: str
    candidates: tuple[Entity, ...] = ()


class Directory:
    """The measured entities."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._by_type: dict[str, list[Entity]] = {}
        for entity in sorted(set(entities)):
            self._by_type.setdefault(entity.type, []).append(entity)

    def measured(self, entity: Entity) -> bool:
        """Whether this entity is measured."""
        return entity in self._by_type.get(entity.type, ())

    def knows(self, entity_type: str) -> bool:
        """Whether any entity of a type is measured."""
        return bool(self._by_type.get(entity_type))

    def find(self, entity_type: str, labels: Sequence[str], who: End) -> Entity | Unknown:
        """The entity of a type with these labels, measured or fully named."""
        if isinstance(who, str):
            return self._named(entity_type, labels, who)
        values = dict(who)
        if all(values.get(label) for label in labels):
            return Entity(entity_type, tuple((label, values[label]) for label in labels))
        known = {(label, value) for label, value in who if value}
        shown = "/".join(values[label] for label in labels if values.get(label))
        if not values.get(labels[-1]):
            return Unknown("")
        return self._one(shown, [e for e in self._by_type.get(entity_type, ()) if known <= set(e.labels)])

    def like(self, entity_type: str, name: str) -> str:
        """The measured entity that a name may have been meant to be, as it is shown; empty where none is close."""
        shown = {str(entity): str(entity) for entity in self._by_type.get(entity_type, ())}
        shown |= {entity.name: str(entity) for entity in self._by_type.get(entity_type, ())}
        close = get_close_matches(name, shown, 1)
        return shown[close[0]] if close else ""

    def _named(self, entity_type: str, labels: Sequence[str], name: str) -> Entity | Unknown:
        measured = self._by_type.get(entity_type, ())
        found = [entity for entity in measured if str(entity) == name]
        found = found or [entity for entity in measured if f"/{entity}".endswith(f"/{name}")]
        found = found or [entity for entity in measured if f"/{entity.plain}".endswith(f"/{name}")]
        parts = name.split("/", len(labels) - 1)
        if not found and len(parts) == len(labels) and all(parts):
            return Entity(entity_type, tuple(zip(labels, parts, strict=True)))
        return self._one(name, found)

    @staticmethod
    def _one(name: str, found: list[Entity]) -> Entity | Unknown:
        return found[0] if len(found) == 1 else Unknown(name, tuple(found))
