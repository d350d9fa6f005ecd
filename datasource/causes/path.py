"""The path of a fault: from the entity that broke, edge by edge, to the entity where it is felt."""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import nan

from datasource.causes.constants import LEAST
from datasource.causes.gap_attribution import handed_down
from datasource.causes.model import Step
from datasource.causes.parent_contributions import ParentContributions, contributions_of_parents
from datasource.causes.recent import Recent, mean
from datasource.causes.suspects import Ways
from datasource.data import Entity, Variable
from datasource.data.roles import BREAKS, SUFFERS


@dataclass(frozen=True)
class Paths:
    """The most telling way from a cause to a symptom's entity, at the newest points.

    It is the shortest way (Dijkstra) where an edge is as long as 1 / the share of its effect's gap that the mechanisms
    have from its cause + 1 / the marginal score of the effect, both 0.1 at least. A share or a score that nobody can
    know, because nothing is measured, is 1.
    """

    recent: Recent
    ways: Ways
    _shares: dict[Variable, dict[Entity, float]] = field(default_factory=dict)

    def to(self, symptom: Variable, cause: Entity) -> tuple[Step, ...]:
        """The steps from the cause on; the numbers of the last one are the symptom's.

        There are none where the cause is the symptom's own entity, or no way leads there.
        """
        ahead: list[tuple[float, Entity, Entity | None]] = [(0.0, cause, None)]
        came_from: dict[Entity, Entity | None] = {}
        while ahead and symptom.entity not in came_from:
            length, entity, before = heappop(ahead)
            if entity in came_from:
                continue
            came_from[entity] = before
            for effect in self.ways.onward(entity):
                if effect not in came_from:
                    heappush(ahead, (length + self._length(entity, effect), effect, entity))
        steps: list[Step] = []
        effect = symptom.entity
        while (before := came_from.get(effect)) is not None:
            variable = symptom if effect == symptom.entity else _most_telling(self.recent, effect)
            steps.append(_step(self.recent, before, effect, self.ways.onward(before)[effect], variable))
            effect = before
        return tuple(reversed(steps))

    def _length(self, cause: Entity, effect: Entity) -> float:
        variable = _most_telling(self.recent, effect)
        if variable is None:
            return 2.0
        share = self._share(variable).get(cause, 0.0) if cause in self.recent.entities else 1.0
        return 1.0 / min(max(share, LEAST), 1.0) + 1.0 / max(self.recent.score(variable), LEAST)

    def _share(self, variable: Variable) -> dict[Entity, float]:
        """Which share of a variable's gap comes from each entity that it depends on."""
        if variable not in self._shares:
            found: dict[Entity, float] = {}
            start = handed_down(self.recent, variable)
            gap = self.recent.gap(start)
            flows = contributions_of_parents(self.recent, start) if gap else ParentContributions()
            for flow in (flow for kind in flows for flow in kind):
                share = flow.slope * self.recent.gap(flow.parent) / gap
                found[flow.parent.entity] = max(found.get(flow.parent.entity, 0.0), share)
            self._shares[variable] = found
        return self._shares[variable]


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
    observed, usual = (recent.roles.told(variable, level) for level in (observed, usual))
    return Step(cause, effect, relation, variable, observed, usual, recent.score(variable))
