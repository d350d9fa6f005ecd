"""Who suffers by more requests than usual and by nothing else: nobody broke, so nobody is woken.

What an entry is asked beyond its usual load is handed down the mechanisms. Where that makes up at least half of what a
variable deviates from its usual value, and neither it nor an ancestor behaves otherwise than its causes say, its
marginal score alarms for nothing. So a Monday after a weekend is no alarm, whatever the baseline knows of the week.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.causes.naming import SHOWN, listed
from datasource.anomaly.mechanisms.fit import Mechanisms
from datasource.anomaly.mechanisms.persistence import Persistence, persisting
from datasource.anomaly.roles import Roles
from datasource.telemetry import Entity, Floats, Variable

Flags = NDArray[np.bool_]
GapAndScore = Callable[[Variable, str], tuple[Floats, Floats]]
"""By time: observed minus expected (per request where the role says so) and the score; "causal" or "marginal"."""

MOSTLY = 0.5
"""The share of a gap that is explained by demand from which on it is demand's."""


class Surge(NamedTuple):
    """Who would be anomalous if it did not suffer by what is asked `at` another entity, or at itself."""

    entity: Entity
    at: Entity


@dataclass
class Demand:
    """What demand explains, by time. Everything is computed when somebody asks, and once."""

    mechanisms: Mechanisms
    roles: Roles
    persistence: Persistence
    known: Container[Variable]
    """The variables that can be looked at: an ancestor may be gone."""
    look: GapAndScore
    _parts: dict[Variable, Floats] = field(default_factory=dict)
    _broken: dict[Variable, Flags] = field(default_factory=dict)

    def explains(self, variable: Variable) -> Flags:
        """When the gap of a variable is mostly demand, and neither it nor an ancestor broke."""
        gap = self.look(variable, "marginal")[0]
        part, whole = (self._newest(np.nan_to_num(one)) for one in (self._part(variable), gap))
        found: Flags = (whole > 0) & (part >= MOSTLY * whole)
        return found & ~self._broke(variable) if found.any() else found

    def at(self, variable: Variable) -> Entity:
        """Whose load is the most unusual now, of the entries that lead to a variable."""
        found, waiting = {variable}, [variable]
        while waiting:
            ahead = {parent.variable for parent in self.mechanisms.causal[waiting.pop()].parents} - found
            ahead = {one for one in ahead if one in self.known}
            found |= ahead
            waiting += ahead
        scores = {one: float(np.nan_to_num(self.look(one, "marginal")[1][-1])) for one in found if self._is_entry(one)}
        return max(scores, key=lambda one: (scores[one], str(one))).entity

    def _is_entry(self, variable: Variable) -> bool:
        """Whether it is the load of somebody whom nobody calls who is measured."""
        parents = self.mechanisms.causal[variable].parents
        return self.roles.role(variable) == "load" and not any(
            self.roles.role(parent.variable) == "load" for parent in parents
        )

    def _part(self, variable: Variable) -> Floats:
        """By how much demand moves a variable: an entry by all of its gap, others by what their parents hand down."""
        if variable not in self._parts:
            gap = np.nan_to_num(self.look(variable, "marginal")[0])
            self._parts[variable] = np.zeros(gap.size)  # A cycle hands nothing on to itself.
            if self._is_entry(variable):
                self._parts[variable] = gap
            elif gap.any():
                mechanism = self.mechanisms.causal[variable]
                slopes = mechanism.coefficients[len(mechanism.coefficients) - len(mechanism.parents) :].tolist()
                self._parts[variable] = sum(
                    (
                        slope * _delayed(self._part(parent.variable), parent.lag)
                        for slope, parent in zip(slopes, mechanism.parents, strict=True)
                        if slope and parent.variable in self.known
                    ),
                    start=np.zeros(gap.size),
                )
        return self._parts[variable]

    def _broke(self, variable: Variable) -> Flags:
        """When its causal score persists, or that of an ancestor."""
        if variable not in self._broken:
            score, mechanism = self.look(variable, "causal")[1], self.mechanisms.causal[variable]
            found: Flags = np.zeros(score.size, dtype=np.bool_)
            if "causal" in self.roles.alarms(variable):
                found = persisting(score, self.persistence, mechanism.strong) > 1
            self._broken[variable] = found
            for parent in mechanism.parents:
                if parent.variable in self.known:
                    found = found | self._broke(parent.variable)
            self._broken[variable] = found
        return self._broken[variable]

    def _newest(self, values: Floats) -> Floats:
        """By time, the sum over the newest `of` points."""
        total = np.concatenate([np.zeros(self.persistence.of), np.cumsum(values)])
        found: Floats = total[self.persistence.of :] - total[: -self.persistence.of]
        return found


def _delayed(values: Floats, lag: int) -> Floats:
    """The same, so many points later; before the first there is the first."""
    return np.concatenate([np.repeat(values[:1], lag), values])[: values.size]


def surge_sentences(by_demand: Mapping[Entity, Sequence[Entity]]) -> tuple[str, ...]:
    """What people are told of who suffers by demand at whom: "more is asked at web than usual: cart and web suffer by
    that alone"."""
    told = []
    for at, suffering in by_demand.items():
        verb = "suffers" if len(suffering) == 1 else "suffer"
        told.append(f"more is asked at {at} than usual: {listed([*map(str, suffering)], SHOWN)} {verb} by that alone")
    return tuple(told)
