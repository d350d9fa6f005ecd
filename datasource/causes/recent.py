"""The newest columns of the matrix, against what the baseline says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.mechanism import Prediction
from datasource.causes.constants import FAR_MORE
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import Roles
from datasource.topology import EntityRelation, Topology


class Seen(NamedTuple):
    """Of one variable, by time: observed minus usual, and the width of its causal interval on the side crossed.

    Both are per request where the role says so, and NaN where there is no sample. `score` is what most of the marginal
    scores reach.
    """

    gap: Floats
    width: Floats
    score: float


@dataclass(frozen=True)
class Recent:
    """The newest points of everything, with what is needed to say what is unusual about them.

    `known` has causal and marginal predictions that end with them, and need not be computed again.
    """

    matrix: Matrix
    mechanisms: Mechanisms
    roles: Roles
    topology: Topology
    known: Mapping[Variable, tuple[Prediction, Prediction]] = field(default_factory=dict)

    @cached_property
    def _seen(self) -> dict[Variable, Seen]:
        return {}

    def seen(self, variable: Variable) -> Seen:
        """What is unusual about a variable; gaps of 0 where it has no mechanism."""
        if variable not in self._seen:
            self._seen[variable] = self._look(variable)
        return self._seen[variable]

    def _look(self, variable: Variable) -> Seen:
        usual, points = self.mechanisms.marginal.get(variable), self.matrix.values.shape[1]
        if usual is None or variable not in self.matrix:
            zero = np.zeros(points)
            return Seen(zero, zero + 1.0, 0.0)
        if variable in self.known:
            given, prediction = (Prediction(*(by_time[-points:] for by_time in one)) for one in self.known[variable])
        else:
            given = self.mechanisms.causal[variable].predict(self.matrix, self.roles)
            prediction = usual.predict(self.matrix, self.roles)
        width = np.where(prediction.gap >= 0, given.above, given.below)
        return Seen(prediction.gap, width, float(reached_by_half(prediction.score)))

    def gap(self, variable: Variable) -> float:
        """Mean of observed minus usual (season and level); per request where the role says so. 0 if unknown."""
        return mean(self.seen(variable).gap)

    def score(self, variable: Variable) -> float:
        """What most of the marginal scores reach, 0 if unknown."""
        return self.seen(variable).score

    def mean(self, entity: Entity, role: str) -> float | None:
        """Mean of the entity's signal with this role, None where it is not measured."""
        variable = self.measured(entity, role)
        return mean(self.matrix.row(variable)) if variable else None

    def measured(self, entity: Entity, role: str, end: str = "client") -> Variable | None:
        """The variable of an entity with a role, None where it is not measured; of a call, as an end sees it."""
        variable = self.roles.of(entity, role, end)
        return variable if variable in self.matrix else None  # type: ignore[operator]

    def variables_of(self, entity: Entity, *roles: str) -> list[Variable]:
        """Those of an entity that have one of these roles, measured or not."""
        return [
            Variable(entity, name)
            for name, signal in self.roles.signals.items()
            if signal.entity == entity.type and self.roles.role(Variable(entity, name)) in roles
        ]

    @cached_property
    def hogs(self) -> tuple[Variable, ...]:
        """Resources of which an entity that is not slow itself uses far more than its load accounts for, most first."""
        found, points = [], self.matrix.values.shape[1]
        for variable, usual in self.mechanisms.marginal.items():
            if self.roles.role(variable) != "saturation" or variable not in self.matrix:
                continue
            # No score above 1 rules most out at once, the intercept, which is about the usual level, others.
            if variable in self.known and not (self.known[variable][1].score[-points:] > 1).any():
                continue
            if mean(self.matrix.row(variable)) < FAR_MORE / 2 * abs(float(usual.coefficients[0])):
                continue
            times, load = self._times_as_much(variable), self.measured(variable.entity, "load")
            grown = self._times_as_much(load) if load else 1.0
            if self.score(variable) > 1 and times >= FAR_MORE * max(grown, 1.0):
                hurt = self.variables_of(variable.entity, "latency", "work", "failure")
                found += [(-times, variable)] if not any(self.score(one) > 1 for one in hurt) else []
        return tuple(variable for _, variable in sorted(found))

    def _times_as_much(self, variable: Variable) -> float:
        """Its level over its usual one; 1 where that is not known."""
        now = mean(self.matrix.row(variable))
        usual = now - self.gap(variable)
        return now / usual if usual > 0 else 1.0

    @cached_property
    def _ties(self) -> dict[Entity, list[EntityRelation]]:
        found: dict[Entity, list[EntityRelation]] = {}
        for tie in self.topology.ties:
            found.setdefault(tie.ends[0][1], []).append(tie)
        return found

    def ties_of(self, entity: Entity) -> list[EntityRelation]:
        """What an entity rests on: the calls that it makes, and whatever else it stands first in."""
        return self._ties.get(entity, [])

    @cached_property
    def entities(self) -> frozenset[Entity]:
        """Everything of which something is measured."""
        return frozenset(variable.entity for variable in self.matrix.variables)

    @cached_property
    def _calls(
        self,
    ) -> tuple[dict[Entity, list[EntityRelation]], dict[Entity, list[EntityRelation]], dict[Entity, EntityRelation]]:
        out: dict[Entity, list[EntityRelation]] = {}
        into: dict[Entity, list[EntityRelation]] = {}
        of: dict[Entity, EntityRelation] = {}
        for tie in self.topology.ties:
            if tie.end("client") and tie.end("server"):
                out.setdefault(tie.ends[0][1], []).append(tie)
                into.setdefault(tie.ends[1][1], []).append(tie)
            call = tie.end("call")
            if call is not None:
                of[call] = tie
        return out, into, of

    def calls_of(self, client: Entity) -> list[EntityRelation]:
        """The calls that an entity makes."""
        return self._calls[0].get(client, [])

    def calls_to(self, server: Entity) -> list[EntityRelation]:
        """The calls that an entity answers."""
        return self._calls[1].get(server, [])

    def tie_of(self, call: Entity) -> EntityRelation | None:
        """The tie that a call entity measures."""
        return self._calls[2].get(call)


def mean(values: Floats) -> float:
    """The mean of what is finite, 0 where nothing is."""
    finite = values[np.isfinite(values)]
    return float(np.add.reduce(finite)) / finite.size if finite.size else 0.0


def reached_by_half(scores: Floats) -> Floats:
    """What half of the known points (the last axis) reach, two at least where there are two; 0 where it is negative."""
    ordered = np.sort(np.where(np.isfinite(scores), scores, -np.inf), axis=-1)[..., ::-1]
    known = np.isfinite(scores).sum(axis=-1)
    place = np.minimum(np.maximum(2, (known + 1) // 2), scores.shape[-1]) - 1
    reached: Floats = np.take_along_axis(ordered, np.expand_dims(place, -1), axis=-1)[..., 0]
    return np.maximum(reached, 0.0)
