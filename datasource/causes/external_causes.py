"""What a symptom owes to something beyond the measured graph: demand, servers and nodes nobody measures."""

from collections.abc import Iterable, Mapping

from datasource.causes.constants import ALONE, SMALLEST_SHARE, TOGETHER
from datasource.causes.model import Outside
from datasource.causes.outside_influences import Influence, on_the_same_machine, on_the_way_to_callees
from datasource.causes.recent import Recent
from datasource.data import Entity, Variable


def external_causes(
    recent: Recent, stays: Mapping[Variable, float], gap: float, changed: Mapping[Variable, float]
) -> tuple[tuple[Outside, ...], dict[Variable, float]]:
    """What comes from outside, and the shares of those inside whose own behaviour changed.

    `stays` has the share of the symptom's gap that ends at each variable, `changed` how many times its own gap fills
    its interval. Load that ends where nobody measured calls, or that its callers do not explain, is demand. Seconds
    and failures of calls to a server that is not measured are that server's. What is slow or fails without a sign
    inside (a saturation or an event of its own) may be somebody else's doing and is outside: where it rests on
    something that is not measured, as a server or a node; where it waits longer for its callees than they take; where
    several are so at once; and where somebody else uses far more of a resource than usual, while nobody knows who runs
    where.
    """
    outside: dict[Influence, float] = {}
    inside: dict[Variable, float] = {}
    loads = {node for node in stays if recent.roles.role(node) == "load"}
    broken = {node.entity for node in stays if changed[node] > 1 and node not in loads}
    for node, share in stays.items():
        tie = recent.tie_of(node.entity)
        if node in loads:
            if changed[node] <= 1 and _called(recent, node.entity):
                continue
            asked = _asked(recent, node.entity)
            place = Influence(f"demand at {asked}", "demand", asked)
        elif tie is not None and tie.ends[1][1] not in recent.entities:
            client, server = tie.ends[0][1], tie.ends[1][1]
            place = Influence(f"{server}, which {client} calls and nobody measures", "call", server, sure=True)
        elif node.entity in broken:
            inside[node] = share
            continue
        else:
            continue
        outside[place] = outside.get(place, 0.0) + share
    whole: dict[Entity, float] = {}
    for node, share in inside.items():
        whole[node.entity] = whole.get(node.entity, 0.0) + share
    bare = {entity: share for entity, share in whole.items() if not _sign_inside(recent, entity)}
    for place, entities in (
        *_rest_on(recent, bare),
        *on_the_way_to_callees(recent, whole),
        *on_the_same_machine(recent, bare),
    ):
        share = sum(inside.pop(node) for node in list(inside) if node.entity in entities)
        if share:
            outside[place] = outside.get(place, 0.0) + share
    found = [
        Outside(at.where, s * gap, s, at.kind, at.entity, at.sure) for at, s in outside.items() if s >= SMALLEST_SHARE
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.where))), inside


def _called(recent: Recent, entity: Entity) -> bool:
    """Whether somebody who is measured calls it."""
    return any(tie.ends[0][1] in recent.entities for tie in recent.calls_to(entity))


def _asked(recent: Recent, entity: Entity) -> Entity:
    """Whose demand it is: of a call, its client's."""
    tie = recent.tie_of(entity)
    return tie.ends[0][1] if tie else entity


def _sign_inside(recent: Recent, entity: Entity) -> bool:
    """Whether a resource or an event of the entity itself is beyond its usual range."""
    return any(recent.score(variable) > 1 for variable in recent.variables_of(entity, "saturation", "event"))


def _rest_on(recent: Recent, bare: Mapping[Entity, float]) -> Iterable[tuple[Influence, set[Entity]]]:
    """Groups of entities that something unmeasured would explain, and how it is called."""
    users: dict[Entity, dict[Entity, str]] = {}
    for tie in (tie for entity in bare for tie in recent.ties_of(entity)):
        user, used = tie.ends[0][1], tie.ends[1][1]
        if used not in recent.entities and _weighed(recent, tie.end("call")):
            users.setdefault(used, {})[user] = "calls" if tie.end("client") else tie.relation
    left = set(bare)
    for used, those in sorted(users.items(), key=lambda item: (-len(item[1]), str(item[0]))):
        present = {user for user in those if user in left}
        calls = set(those.values()) == {"calls"}
        if len(present) > 1:
            words = f"{used}, which nobody measures and {_and(present)} {'call' if calls else 'use'}"
            yield Influence(words, "call" if calls else "machine", used, sure=True), present
        elif present and calls:
            (only,) = present
            yield (
                Influence(f"{only} itself or {used}, which it calls and nobody measures", "call", used),
                present,
            )
        left -= present if len(present) > 1 or calls else set()
    total = sum(bare[entity] for entity in left)
    if len(left) >= TOGETHER and max(bare[entity] for entity in left) < ALONE * total:
        yield Influence(f"something that {_and(left)} share", "several"), left


def _weighed(recent: Recent, call: Entity | None) -> bool:
    """Whether nothing tells how long the call takes, so that the callee may be what is slow."""
    return call is None or recent.measured(call, "work") is None


def _and(entities: Iterable[Entity]) -> str:
    names = sorted(map(str, entities))
    return f"{', '.join(names[:-1])} and {names[-1]}"
