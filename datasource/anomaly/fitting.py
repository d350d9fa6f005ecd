"""What fits the mechanisms of one variable after another, whole or in shards that fit alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.calibration import Baseline
from datasource.anomaly.fit_one import Accepted, LeftOut, OneFit
from datasource.anomaly.mechanism import Mechanism
from datasource.anomaly.usual_levels import UsualLevels
from datasource.data import Entity, Matrix, Variable
from datasource.data.roles import Roles
from datasource.graph import CausalGraph


class Row(NamedTuple):
    """A mechanism, its gaps in reference widths by time, whether it makes alarms, by how much the interval is
    narrower below, and its smallest width."""

    mechanism: Mechanism
    kind: str
    gaps: NDArray[np.float32]
    alarms: bool
    below: float
    smallest: float


@dataclass(frozen=True)
class Fitting:
    """Everything that a fit needs but the variable; called with one, it gives the rows of its mechanisms, none where
    it has fewer than `min_points` samples. `longest_lag` is in steps."""

    matrix: Matrix
    older: Matrix | None
    graph: CausalGraph
    roles: Roles
    baseline: Baseline
    longest_lag: int
    min_points: int
    left_out: Sequence[LeftOut] = ()
    accepted: Sequence[Accepted] = ()
    environment: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: what is remembered beside them is not sent to another process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def _usual(self) -> UsualLevels:
        return UsualLevels(self.matrix, self.roles)

    def __call__(self, variable: Variable) -> list[Row]:
        one = OneFit(
            self.matrix,
            self.older,
            self.baseline,
            self.roles,
            variable,
            self._usual,
            self.longest_lag,
            self.left_out,
            self.environment,
            self.accepted,
        )
        return self._rows(one) if one.points >= self.min_points else []

    def _rows(self, one: OneFit) -> list[Row]:
        edges = [edge for edge in self.graph.parents(one.variable) if edge.cause in self.matrix]
        alarms = self.roles.alarms(one.variable)
        below = 0.0 if self.roles.only_up_hurts(one.variable) else 1.0
        rows = []
        for kind, causes in (("marginal", []), ("causal", edges)):
            if causes or kind == "marginal":
                mechanism, gaps, smallest = one.given(causes)
                watched = kind in alarms or (kind == "marginal" and bool(alarms) and not edges)
                narrower = below * mechanism.above / mechanism.below
                rows.append(Row(mechanism, kind, gaps.astype(np.float32), watched, narrower, smallest))
        return rows

    def only(self, variables: Sequence[Variable]) -> "Fitting":
        """The same with no more data than some variables need: what is measured of them, their causes, and the loads
        of all these."""
        edges = tuple(edge for variable in variables for edge in self.graph.parents(variable))
        near = dict.fromkeys((*variables, *(edge.cause for edge in edges)))
        loads = (self.roles.counted_by(variable) for variable in near)
        needed = dict.fromkeys((*near, *(load for load in loads if load is not None)))
        return replace(
            self,
            matrix=self.matrix.select([one for one in needed if one in self.matrix]),
            older=self.older and self.older.select([one for one in needed if one in self.older]),
            graph=CausalGraph(tuple(near), edges),
        )

    def shards(self, variables: Iterable[Variable], most: int) -> list[list[Variable]]:
        """The variables in shards of so many at most, or those of one entity: along the edges of the graph, so that
        causes are in the same shard where they can be."""
        own: dict[Entity, list[Variable]] = {}
        for variable in variables:
            own.setdefault(variable.entity, []).append(variable)
        tied: dict[Entity, dict[Entity, None]] = {entity: {} for entity in own}
        for edge in self.graph.edges:
            one, other = edge.cause.entity, edge.effect.entity
            if one != other and one in tied and other in tied:
                tied[one][other] = tied[other][one] = None
        found: list[list[Variable]] = []
        for entity in _neighbours_together(tied):
            if not found or len(found[-1]) + len(own[entity]) > most:
                found.append([])
            found[-1] += own[entity]
        return found


Spread = Callable[[Fitting, Sequence[Variable]], Iterable[list[Row]]]


def _neighbours_together(tied: dict[Entity, dict[Entity, None]]) -> list[Entity]:
    """Everybody, each as near as can be to those that it is tied to: depth first."""
    found: dict[Entity, None] = {}
    for begin in tied:
        waiting = [begin]
        while waiting:
            entity = waiting.pop()
            if entity not in found:
                found[entity] = None
                waiting += [near for near in tied[entity] if near not in found]
    return [*found]
