"""Who suffers by more requests than usual and by nothing else: nobody broke, so nobody is woken.

What an entry is asked beyond its usual load is handed down the mechanisms. Where that makes up at least half of what a
variable deviates from its usual value, and neither it nor an ancestor behaves otherwise than its causes say, its
marginal score alarms for nothing. So a Monday after a weekend is no alarm, whatever the baseline knows of the week.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.persistence import Persistence, persisting
from datasource.causes.constants import MOSTLY
from datasource.causes.naming import SHOWN, listed
from datasource.data import Entity, Floats, Variable
from datasource.data.roles import Roles

Flags = NDArray[np.bool_]
GapAndScore = Callable[[Variable, str], tuple[Floats, Floats]]
"""By time: observed minus expected (per request where the role says so) and the score; "causal" or "marginal"."""


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

    def at(self, variables: Iterable[Variable]) -> Entity | None:
        """Whose load is the most unusual now, of the entries that lead to some variables; None where none does."""
        entries = [one for variable in variables for one in self._leading(variable) if self._is_entry(one)]
        scores = {one: float(np.nan_to_num(self.look(one, "marginal")[1][-1])) for one in entries}
        return max(scores, key=lambda one: (scores[one], str(one))).entity if scores else None

    def _leading(self, variable: Variable) -> list[Variable]:
        """A variable and its ancestors, as far as they are known, causes first (but for cycles)."""
        found: dict[Variable, None] = {}
        waiting, entered = [variable], set[Variable]()
        while waiting:
            one = waiting[-1]
            parents = (parent.variable for parent in self.mechanisms.causal[one].parents)
            ahead = [] if one in entered else [p for p in parents if p in self.known and p not in entered]
            entered.add(one)
            if ahead:
                waiting += ahead
            else:
                found[waiting.pop()] = None
        return [*found]

    def _is_entry(self, variable: Variable) -> bool:
        """Whether it is the load of somebody whom nobody calls who is measured."""
        parents = self.mechanisms.causal[variable].parents
        return self.roles.role(variable) == "load" and not any(
            self.roles.role(parent.variable) == "load" for parent in parents
        )

    def _part(self, variable: Variable) -> Floats:
        """By how much demand moves a variable: an entry by all of its gap, others by what their parents hand down; a
        cycle hands nothing on to itself."""
        for one in self._leading(variable):
            if one in self._parts:
                continue
            part = np.nan_to_num(self.look(one, "marginal")[0])
            if not self._is_entry(one):
                mechanism, part = self.mechanisms.causal[one], np.zeros(part.size)
                slopes = mechanism.coefficients[len(mechanism.coefficients) - len(mechanism.parents) :].tolist()
                for slope, parent in zip(slopes, mechanism.parents, strict=True):
                    if parent.variable in self._parts:
                        part = part + slope * _delayed(self._parts[parent.variable], parent.lag)
            self._parts[one] = part
        return self._parts[variable]

    def _broke(self, variable: Variable) -> Flags:
        """When its causal score persists, or that of an ancestor."""
        found: Flags = np.any([self._broke_itself(one) for one in self._leading(variable)], axis=0)
        return found

    def _broke_itself(self, variable: Variable) -> Flags:
        if variable not in self._broken:
            score = self.look(variable, "causal")[1]
            alarms = "causal" in self.roles.alarms(variable)
            strong = self.mechanisms.causal[variable].strong
            self._broken[variable] = persisting(score, self.persistence, strong) > 1 if alarms else score > np.inf
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
