"""Who is named as a cause, and that the name does not flap."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from datasource.anomaly.causes.model import RootCauses
from datasource.anomaly.causes.walk import AMONG
from datasource.telemetry import Entity
from datasource.topology import Topology

_NAMED_FROM = 1 / 3
"""The share of the symptom's gap from which on an entity may be named as the root cause."""
_CONFIDENT = 0.6
_HYSTERESIS = 1.5
"""Another cause takes over only when its support is this much larger than that of the one named before."""
_NEWEST = 0.25
"""The weight of the newest evaluation in an entity's support."""


SHOWN = 3
"""So many entities are named in a sentence, and how many more there are."""


class Root(NamedTuple):
    """An entity among the causes of a symptom: its share of the gap, and how sure that is."""

    entity: Entity
    share: float
    confidence: float


def named_roots(causes: RootCauses, share: float = AMONG, confidence: float = _CONFIDENT) -> tuple[Root, ...]:
    """All entities with at least this share of the symptom's gap and this confidence (NaN passes), largest first."""
    shares: dict[Entity, float] = {}
    sure: dict[Entity, float] = {}
    for part in causes.contributions:
        shares[part.variable.entity] = shares.get(part.variable.entity, 0.0) + part.share
        sure[part.variable.entity] = part.confidence
    found = [Root(entity, shares[entity], sure[entity]) for entity in shares]
    able = [root for root in found if root.share >= share and not root.confidence < confidence]
    return tuple(sorted(able, key=lambda root: (-root.share, str(root.entity))))


def support_for(causes: RootCauses, before: Mapping[Entity, float] | None) -> dict[Entity, float]:
    """The share of each entity that qualifies as a cause now, averaged over evaluations with falling weights.

    Who explains less than something outside does is not named beside it. `before` is the support of the last
    evaluation, None at the first one, which counts alone. An entity that stopped qualifying is forgotten after a while.
    """
    beyond = max((part.share for part in causes.outside), default=0.0)
    now = {root.entity: root.share for root in named_roots(causes, max(AMONG, beyond))}
    if before is None:
        return now
    mixed = {one: _NEWEST * now.get(one, 0.0) + (1 - _NEWEST) * before.get(one, 0.0) for one in {*now, *before}}
    return {entity: share for entity, share in sorted(mixed.items()) if share >= _NEWEST * AMONG}


def name_cause(support: Mapping[Entity, float], named: Entity | None) -> Entity | None:
    """The entity with the largest support, a third of the gap at least; the one `named` before unless another has
    half as much again. None where nobody has as much: then it is not known."""
    able = {entity: share for entity, share in support.items() if share >= _NAMED_FROM}
    if not able:
        return None
    best = max(able, key=lambda entity: (able[entity], str(entity)))
    return named if named in able and able[best] < _HYSTERESIS * able[named] else best


def listed(names: Sequence[str], shown: int) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def cause_name(entity: Entity, topology: Topology) -> str:
    """An entity as people are told of it: "namespace/service", and "client -> server" for a call between two."""
    tie = next((tie for tie in topology.ties if tie.end("call") == entity), None)
    return f"{tie.ends[0][1]} -> {tie.ends[1][1]}" if tie else str(entity)
