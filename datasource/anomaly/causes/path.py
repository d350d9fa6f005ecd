"""The path of a fault: from the entity that broke, edge by edge, to the entity where it is felt."""

from heapq import heappop, heappush
from math import nan

from datasource.anomaly.causes.model import Step
from datasource.anomaly.causes.recent import Recent, mean
from datasource.anomaly.causes.suspects import Ways
from datasource.anomaly.roles import BREAKS, SUFFERS
from datasource.telemetry import Entity, Variable

_CALMEST = 0.1
"""Entities with a lower marginal score are as calm as this."""


def path(recent: Recent, ways: Ways, cause: Entity, symptom: Variable) -> tuple[Step, ...]:
    """The most anomalous way from a cause to a symptom's entity.

    It is the shortest way (Dijkstra) where an edge to an entity is as long as 1 + 1 / its marginal score: about 1 where
    it is clearly anomalous, 2 at the limit or where nothing of it is measured, 11 where it is calm.

    recent: the newest points, and what is usual.
    ways: along which a fault reaches others.
    cause: the named root cause.
    symptom: the variable in which the fault is felt; the numbers of the last step are its.

    Returns the steps from the cause on; none where the cause is the symptom's own entity, or no way leads there.
    """
    ahead: list[tuple[float, Entity, Entity | None]] = [(0.0, cause, None)]
    came_from: dict[Entity, Entity | None] = {}
    while ahead and symptom.entity not in came_from:
        length, entity, before = heappop(ahead)
        if entity in came_from:
            continue
        came_from[entity] = before
        for effect in ways.onward(entity):
            if effect not in came_from:
                heappush(ahead, (length + _length(recent, effect), effect, entity))
    steps: list[Step] = []
    effect = symptom.entity
    while (before := came_from.get(effect)) is not None:
        variable = symptom if effect == symptom.entity else _most_telling(recent, effect)
        steps.append(_step(recent, before, effect, ways.onward(before)[effect], variable))
        effect = before
    return tuple(reversed(steps))


def _length(recent: Recent, effect: Entity) -> float:
    variable = _most_telling(recent, effect)
    return 1.0 + 1.0 / (max(recent.score(variable), _CALMEST) if variable else 1.0)


def _most_telling(recent: Recent, entity: Entity) -> Variable | None:
    """What an entity suffers in, with the highest marginal score; a resource where nothing else of it is measured."""
    for roles in (SUFFERS, BREAKS):
        measured = [variable for variable in recent.variables_of(entity, *roles) if variable in recent.matrix]
        if measured:
            return max(measured, key=lambda variable: (recent.score(variable), str(variable)))
    return None


def _step(recent: Recent, cause: Entity, effect: Entity, relation: str, variable: Variable | None) -> Step:
    if variable is None or variable not in recent.mechanisms.marginal:
        return Step(cause, effect, relation, variable, nan, nan, nan)
    observed = mean(recent.roles.level(recent.matrix, variable))
    usual = observed - recent.gap(variable)
    return Step(cause, effect, relation, variable, observed, usual, recent.score(variable))
