"""What a signal means for a mechanism: its role, and whether it is judged per request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datasource.settings import Signal
from datasource.telemetry import Entity, Floats, Matrix, Variable

_PER_REQUEST = ("work", "failure", "activity")
SUFFERS = ("latency", "failure", "work")
"""Who suffers is seen in these, and only in a rise of them."""
BREAKS = (*SUFFERS, "saturation")
"""Who broke is seen in these."""
WAITING = re.compile(r"client|outbound|egress|upstream")


@dataclass(frozen=True)
class Roles:
    """The roles of the configured signals.

    Work (seconds per second) and failures grow with traffic, and traffic alone is no anomaly. Where the same
    entity has a load, they are therefore modelled per request: work / load is the mean duration,
    failures / load the failure ratio. Both are linear in the callees' along calls.
    """

    signals: Mapping[str, Signal]

    @cached_property
    def _by_role(self) -> dict[tuple[str, str, str], str]:
        found: dict[tuple[str, str, str], str] = {}
        for name, signal in self.signals.items():
            if signal.role:
                found.setdefault((signal.entity, signal.role, signal.end), name)
        return found

    def role(self, variable: Variable) -> str | None:
        """The role of a variable's signal."""
        return self.signals[variable.signal].role

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
        """Whether a value below the expected one is no anomaly, as with latency."""
        return self.role(variable) in SUFFERS

    def alarms(self, variable: Variable) -> tuple[str, ...]:
        """Which of its scores, causal and marginal, make its entity anomalous when they persist above 1.

        Who suffers is seen in latency, failures and work, who broke also in saturation; calls alarm for nobody.
        """
        role = self.role(variable)
        if variable.entity.type == "call":
            return ()
        return (*(["causal"] if role in BREAKS else []), *(["marginal"] if role in SUFFERS else []))

    def divided_by(self, variable: Variable) -> Variable | None:
        """The load that a variable is divided by where that is measured; None where it is always taken as it is."""
        return self.of(variable.entity, "load") if self.role(variable) in _PER_REQUEST else None

    def load(self, matrix: Matrix, variable: Variable) -> Floats | None:
        """The load a variable is divided by, by time; None where it is taken as it is. NaN where there is none."""
        load = self.divided_by(variable)
        if load is None or load not in matrix:
            return None
        row = matrix.row(load)
        return np.where(row > 0, row, np.nan)

    def level(self, matrix: Matrix, variable: Variable) -> Floats:
        """What a mechanism sees of a variable, by time: per request where the role says so."""
        load = self.load(matrix, variable)
        return matrix.row(variable) if load is None else matrix.row(variable) / load
