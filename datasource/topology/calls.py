"""The call entity between a client and a server."""

from datasource.data import Entity
from datasource.settings import Settings
from datasource.settings.consistency import known
from datasource.topology.sources import call_labels
from datasource.topology.tie import EntityRelation


def with_calls(settings: Settings, relation: str, ties: list[EntityRelation]) -> tuple[list[EntityRelation], list[str]]:
    """The ties with the call as a third end, where the settings declare one; a notice where it cannot be named."""
    if "call" not in settings.ends(relation):
        return ties, []
    origins = call_labels(settings, relation)
    labels = settings.entities["call"].labels
    foreign = [label for label in labels if label not in origins]
    if foreign:
        wanted = f"'{foreign[0]}', which neither end has; {known(foreign[0], origins)}"
        return ties, [f"relation '{relation}': the entity type 'call' has a label {wanted}"]
    return [_with_call(tie, [(label, *origins[label]) for label in labels]) for tie in ties], []


def _with_call(tie: EntityRelation, labels: list[tuple[str, str, str]]) -> EntityRelation:
    ends = {end: dict(entity.labels) for end, entity in tie.ends}
    call = Entity("call", tuple((label, ends[end][own]) for label, end, own in labels))
    return tie._replace(ends=(*tie.ends, ("call", call)))
