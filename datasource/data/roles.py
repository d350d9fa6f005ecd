"""What a signal means for a mechanism: its role, and whether it is judged per request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Entity, Variable
from datasource.settings import Signal

_PER_REQUEST = ("work", "failure", "activity")
SUFFERS = ("latency", "failure", "work")
"""Who suffers is seen in these, and only in a rise of them."""
BREAKS = (*SUFFERS, "saturation")
"""Who broke is seen in these."""
SHARES = {"%": 100.0, "percent": 100.0, "ratio": 1.0, "percentunit": 1.0}
"""What stands for the whole, in units of shares."""
WAITING = re.compile(r"client|outbound|egress|upstream")


class Scale(NamedTuple):
    """How the values of a signal follow from what a mechanism sees: `offset` + `unit` x level, by time or always."""

    offset: Floats | float
    unit: Floats | float


@dataclass(frozen=True)
class Roles:
    """The roles of the configured signals.

    Work (seconds per second) and failures grow with traffic, and traffic alone is no anomaly. Where the same
    entity has a load, they are therefore modelled per request: work / load is the mean duration,
    failures / load the failure ratio. Both are linear in the callees' along calls. Failures whose unit is a share
    (percent, percentunit) are the failure ratio already. What counts successes is seen as the failures that are left.
    """

    signals: Mapping[str, Signal]

    @cached_property
    def _by_role(self) -> dict[tuple[str, str, str], str]:
        found: dict[tuple[str, str, str], str] = {}
        for name, signal in self.signals.items():
            if signal.role:
                found.setdefault((signal.entity, signal.role, signal.end), name)
        for name, signal in self.signals.items():
            if signal.role == "success":
                found.setdefault((signal.entity, "failure", signal.end), name)
        return found

    def role(self, variable: Variable) -> str | None:
        """What a variable's signal is seen as: its role, of successes "failure"."""
        role = self.signals[variable.signal].role
        return "failure" if role == "success" else role

    def counts_successes(self, variable: Variable) -> bool:
        """Whether it falls where an entity fails."""
        return self.signals[variable.signal].role == "success"

    def share(self, variable: Variable) -> float | None:
        """Of a share of failures or successes, what stands for all requests; None for any other."""
        signal = self.signals[variable.signal]
        return SHARES.get(signal.unit.lower()) if signal.role in ("failure", "success") else None

    def of(self, entity: Entity, role: str, end: str = "client") -> Variable | None:
        """The variable of an entity whose signal has this role (the first declared); of a call, as an end sees it."""
        name = self._by_role.get((entity.type, role, end))
        return Variable(entity, name) if name else None

    def end(self, variable: Variable) -> str:
        """At which end a call's signal is measured."""
        return self.signals[variable.signal].end

    def waits_for_others(self, variable: Variable) -> bool:
        """Whether a latency is what an entity waits for those whom it calls, by the name of its signal."""
        return self.role(variable) == "latency" and bool(WAITING.search(variable.signal.lower()))

    def only_up_hurts(self, variable: Variable) -> bool:
        """Whether a level below the expected one is no anomaly, as with latency."""
        return self.role(variable) in SUFFERS

    def alarms(self, variable: Variable) -> tuple[str, ...]:
        """Which of its scores, causal and marginal, make its entity anomalous when they persist above 1.

        Who suffers is seen in latency, failures and work, who broke also in saturation; calls alarm for nobody.
        """
        place = variable.signal, variable.entity.type
        if place not in self._alarms:
            role = self.role(variable) if variable.entity.type != "call" else None
            self._alarms[place] = (*(["causal"] if role in BREAKS else []), *(["marginal"] if role in SUFFERS else []))
        return self._alarms[place]

    @cached_property
    def _alarms(self) -> dict[tuple[str, str], tuple[str, ...]]:
        return {}

    def counted_by(self, variable: Variable) -> Variable | None:
        """The load that says of how many requests a variable tells; None where it tells of none."""
        return self.of(variable.entity, "load") if self.role(variable) in _PER_REQUEST else None

    def requests(self, matrix: Matrix, variable: Variable) -> Floats | None:
        """The load that counts the requests of a variable, by time; None where none does. NaN where there is none."""
        load = self.counted_by(variable)
        if load is None or load not in matrix:
            return None
        row = matrix.row(load)
        return np.where(row > 0, row, np.nan)

    def scale(self, matrix: Matrix, variable: Variable) -> Scale | None:
        """How its values follow from its levels, which are per request where the role says so; None where they are the
        same. Successes whose requests are not counted have no level: NaN."""
        whole: Floats | float | None = self.share(variable)
        if whole is None:
            whole = self.requests(matrix, variable)
        if self.counts_successes(variable):
            whole = np.nan if whole is None else whole
            return Scale(whole, -whole)
        return None if whole is None else Scale(0.0, whole)

    def level(self, matrix: Matrix, variable: Variable) -> Floats:
        """What a mechanism sees of a variable, by time: per request where the role says so."""
        row, scale = matrix.row(variable), self.scale(matrix, variable)
        if scale is None:
            return row
        found: Floats = (row - scale.offset) / scale.unit
        return found

    def told(self, variable: Variable, level: float) -> float:
        """A level as its signal tells it: shares in its unit, successes as such, and per request as it is."""
        whole = self.share(variable) or 1.0
        return whole * (1.0 - level) if self.counts_successes(variable) else whole * level
