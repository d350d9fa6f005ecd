"""What is a part of what, by the labels alone: `cart, /checkout` is a part of `cart`."""

from collections.abc import Iterable

from datasource.data import Entity
from datasource.topology.sighting import Sighting


def read_parts(entities: Iterable[Entity], part: str, whole: str) -> list[Sighting]:
    """Each entity of the type `part` with the one of the type `whole` that has the same labels, of those that both
    types have; with none where several have them."""
    entities = list(entities)
    parts = [one for one in entities if one.type == part]
    wholes = [one for one in entities if one.type == whole]
    shared = {label for one in parts for label, _ in one.labels} & {label for one in wholes for label, _ in one.labels}
    found: dict[frozenset[tuple[str, str]], list[Entity]] = {}
    for one in wholes if shared else ():
        found.setdefault(_among(one, shared), []).append(one)
    there = [(one, found.get(_among(one, shared), [])) for one in parts]
    return [Sighting((one.labels, of[0].labels)) for one, of in there if len(of) == 1]


def _among(entity: Entity, names: set[str]) -> frozenset[tuple[str, str]]:
    return frozenset(pair for pair in entity.labels if pair[0] in names)
