"""What a symptom owes to something beyond the measured graph: demand, servers and nodes nobody measures."""

from collections.abc import Iterable, Mapping

from datasource.anomaly.causes.model import Outside
from datasource.anomaly.causes.recent import Recent
from datasource.telemetry import Entity, Variable

_TOGETHER = 3
"""So many entities at once, with no sign inside any of them, are not slow each for its own reason."""
_ALONE = 0.5
"""An entity with this share of what such a group has is a cause of its own."""
_SMALLEST_SHARE = 0.01


def beyond(
    recent: Recent, stays: Mapping[Variable, float], gap: float, changed: Mapping[Variable, float]
) -> tuple[tuple[Outside, ...], dict[Variable, float]]:
    """What comes from outside, and the shares of those inside whose own behaviour changed.

    `stays` has the share of the symptom's gap that ends at each variable, `changed` how many times its own gap fills
    its interval. Load that ends where nobody measured calls, or that its callers do not explain, is demand. Seconds
    and failures of calls to a server that is not measured are that server's. What is slow or fails without a sign
    inside (a saturation or an event of its own) and rests on something that is not measured, as a server or a node,
    may be that one's: it is outside.
    """
    outside: dict[str, float] = {}
    inside: dict[Variable, float] = {}
    loads = {node for node in stays if recent.roles.role(node) == "load"}
    broken = {node.entity for node in stays if changed[node] > 1 and node not in loads}
    for node, share in stays.items():
        tie = recent.tie_of(node.entity)
        if node in loads:
            if changed[node] <= 1 and _called(recent, node.entity):
                continue
            where = f"demand at {_asked(recent, node.entity)}"
        elif tie is not None and tie.ends[1][1] not in recent.entities:
            where = f"{tie.ends[1][1]}, which {tie.ends[0][1]} calls and nobody measures"
        elif node.entity in broken:
            inside[node] = share
            continue
        else:
            continue
        outside[where] = outside.get(where, 0.0) + share
    bare: dict[Entity, float] = {}
    for node, share in inside.items():
        bare[node.entity] = bare.get(node.entity, 0.0) + share
    bare = {entity: share for entity, share in bare.items() if not _sign_inside(recent, entity)}
    for where, entities in _rest_on(recent, bare):
        share = sum(inside.pop(node) for node in list(inside) if node.entity in entities)
        if share:
            outside[where] = outside.get(where, 0.0) + share
    found = [Outside(where, share * gap, share) for where, share in outside.items() if share >= _SMALLEST_SHARE]
    return tuple(sorted(found, key=lambda one: (-one.share, one.where))), inside


def _called(recent: Recent, entity: Entity) -> bool:
    """Whether somebody who is measured calls it."""
    return any(tie.ends[0][1] in recent.entities for tie in recent.calls_to(entity))


def _asked(recent: Recent, entity: Entity) -> str:
    """Whose demand it is: of a call, its client's."""
    tie = recent.tie_of(entity)
    return str(tie.ends[0][1] if tie else entity)


def _sign_inside(recent: Recent, entity: Entity) -> bool:
    """Whether a resource or an event of the entity itself is beyond its usual range."""
    return any(
        recent.score(Variable(entity, name)) > 1
        for name, signal in recent.roles.signals.items()
        if signal.entity == entity.type and signal.role in ("saturation", "event")
    )


def _rest_on(recent: Recent, bare: Mapping[Entity, float]) -> Iterable[tuple[str, set[Entity]]]:
    """Groups of entities that something unmeasured would explain, and how it is called."""
    users: dict[Entity, dict[Entity, str]] = {}
    for tie in recent.topology.ties:
        user, used = tie.ends[0][1], tie.ends[1][1]
        if user in bare and used not in recent.entities and _weighed(recent, tie.end("call")):
            users.setdefault(used, {})[user] = "calls" if tie.end("client") else tie.relation
    left = set(bare)
    for used, those in sorted(users.items(), key=lambda item: (-len(item[1]), str(item[0]))):
        present = {user for user in those if user in left}
        calls = set(those.values()) == {"calls"}
        if len(present) > 1:
            yield f"{used}, which nobody measures and {_and(present)} {'call' if calls else 'use'}", present
        elif present and calls:
            (only,) = present
            yield f"{only} itself or {used}, which it calls and nobody measures", present
        left -= present if len(present) > 1 or calls else set()
    total = sum(bare[entity] for entity in left)
    if len(left) >= _TOGETHER and max(bare[entity] for entity in left) < _ALONE * total:
        yield f"something that {_and(left)} share", left


def _weighed(recent: Recent, call: Entity | None) -> bool:
    """Whether nothing tells how long the call takes, so that the callee may be what is slow."""
    return call is None or recent.measured(call, "work") is None


def _and(entities: Iterable[Entity]) -> str:
    names = sorted(map(str, entities))
    return f"{', '.join(names[:-1])} and {names[-1]}"
