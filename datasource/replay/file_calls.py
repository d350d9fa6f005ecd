"""Who calls whom in a file: from a list of calls, or from the calls that the file itself measures."""

import re
from collections.abc import Collection, Mapping, Sequence

from datasource.data import Entity, Matrix
from datasource.data.csv.calls import NamedCall
from datasource.settings import Relation, Rule, Settings
from datasource.topology import call_labels

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_POD = re.compile(rf"(.+)-{_SAFE}{{8,10}}-{_SAFE}{{5}}")
"""How Kubernetes names the pods of a deployment."""


def relation_of_file(
    settings: Settings, name: str, matrix: Matrix, calls: Sequence[NamedCall]
) -> Mapping[str, Relation]:
    """The relation as a list, where it comes from a server or is not there at all."""
    declared = settings.relations.get(name) or Relation(source="list", pairs=(Rule("", ""),))
    known = settings.model_copy(update={"relations": {**settings.relations, name: declared}})
    ends = known.ends(name)
    if "client" not in ends or "server" not in ends:
        return {}
    listed = all(source.source == "list" for source in declared.named_sources.values()) and name in settings.relations
    measured = [] if listed or calls else _measured_calls(known, name, matrix)
    pairs = entity_pairs(calls or measured, {variable.entity for variable in matrix.variables})
    ends_kept, unwaited = declared.ends, declared.asynchronous
    return {name: Relation(source="list", pairs=pairs, ends=ends_kept, asynchronous=unwaited)} if pairs else {}


def _measured_calls(settings: Settings, relation: str, matrix: Matrix) -> list[NamedCall]:
    """Client and server of every call that the file has variables of."""
    if "call" not in settings.ends(relation):
        return []
    origins = call_labels(settings, relation)
    found = []
    for call in sorted({variable.entity for variable in matrix.variables if variable.entity.type == "call"}):
        ends: dict[str, dict[str, str]] = {"client": {}, "server": {}}
        for label, value in call.labels:
            end, own = origins.get(label, ("", ""))
            ends.setdefault(end, {})[own] = value
        types = settings.ends(relation)
        names = [
            "/".join(ends[end][label] for label in settings.entities[types[end]].labels if label in ends[end])
            for end in ("client", "server")
        ]
        found.append(NamedCall(*names))
    return list(dict.fromkeys(found))


def entity_pairs(calls: Collection[NamedCall], entities: Collection[Entity]) -> tuple[Rule, ...]:
    """The calls as pairs of entities as they are shown; a workload's name stands for each of its pods."""
    shown = {str(entity) for entity in entities}
    names = shown | {entity.name for entity in entities}
    pods: dict[str, list[str]] = {}
    for entity in sorted(entities):
        if found := _POD.fullmatch(entity.name):
            pods.setdefault(found[1], []).append(str(entity))
    return tuple(
        Rule(caller, callee)
        for call in calls
        for caller in ([call.caller] if call.caller in names else pods.get(call.caller, [call.caller]))
        for callee in ([call.callee] if call.callee in names else pods.get(call.callee, [call.callee]))
    )
