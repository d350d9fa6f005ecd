"""What may disturb an entity that shows nothing inside: the way to its callees, and neighbours on its machine."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from datasource.causes.recent import Recent
from datasource.data import Entity


class Influence(NamedTuple):
    """Where beyond the measured graph something comes from: words, kind and entity as in `Outside`."""

    where: str
    kind: str
    entity: Entity | None = None
    sure: bool = False


def on_the_way_to_callees(recent: Recent, entities: Iterable[Entity]) -> Iterator[tuple[Influence, set[Entity]]]:
    """Those that wait on the way to their callees."""
    for entity in sorted(entities):
        if _waits_on_the_way(recent, entity):
            yield Influence(f"the way from {entity} to those whom it calls", "call"), {entity}


def on_the_same_machine(recent: Recent, bare: Iterable[Entity]) -> Iterator[tuple[Influence, set[Entity]]]:
    """Of entities without a sign inside, those that somebody else may disturb while nobody knows who runs where."""
    for entity in sorted(bare):
        if all(tie.end("client") for tie in recent.ties_of(entity)):
            hog = next((one for one in recent.hogs if one.entity != entity), None)
            if hog is not None:
                words = f"{entity} itself or {hog.entity}, whose {hog.signal} rose, if they share a machine"
                yield Influence(words, "machine", hog.entity), {entity}


def _waits_on_the_way(recent: Recent, entity: Entity) -> bool:
    """Whether it waits longer for its callees than usual, and than any of them takes longer."""
    waiting = [v for v in recent.variables_of(entity, "latency") if recent.roles.waits_for_others(v)]
    longest = max((recent.score(variable) for variable in waiting), default=0.0)
    return longest > 1 and all(
        recent.score(variable) < longest
        for tie in recent.calls_of(entity)
        for variable in recent.variables_of(tie.ends[1][1], "latency", "work")
        if tie.waits and not recent.roles.waits_for_others(variable)
    )
