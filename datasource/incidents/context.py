"""What was seen lately of the variables of an incident, and what would have been usual."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.causes import Judgement, Scores
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.incidents.model import Incident
from datasource.settings import Settings

_FEWEST = 3
"""Points of a level."""


class Occurrence(NamedTuple):
    """An event: which, and when it was first seen (seconds)."""

    variable: Variable
    at: int


@dataclass(frozen=True)
class IncidentContext:
    """The newest points, which the judgement knows, of the time since the incident began: persistence.of at most.

    `matrix` knows events of before; without it, those of the newest points are all.
    """

    incident: Incident
    settings: Settings
    judgement: Judgement | None
    matrix: Matrix | None = None

    @property
    def scores(self) -> Mapping[Variable, Scores]:
        """What was judged, by variable; none without a judgement."""
        return self.judgement.scores if self.judgement else {}

    def points(self, variable: Variable) -> Floats:
        """The newest observed points, the same times for all variables; none for one that was not judged."""
        return self._newest(self.scores[variable].causal.observed) if variable in self.scores else np.empty(0)

    def now(self, variable: Variable) -> float:
        """Its level, NaN where it is not known."""
        return _mean(self.points(variable))

    def usual(self, variable: Variable) -> float:
        """What it usually is, by season and level; NaN where that is not known."""
        return _mean(self._newest(self.scores[variable].marginal.expected)) if variable in self.scores else np.nan

    def without_change(self, variable: Variable) -> float:
        """What it would be had its own behaviour not changed: of a cause what its own causes account for, so that the
        changes of others stay in it; of anything else the usual."""
        if variable not in self.causes or variable not in self.scores:
            return self.usual(variable)
        return _mean(self._newest(self.scores[variable].causal.expected))

    def scored(self, entity: Entity) -> list[Variable]:
        """The variables of an entity that were judged."""
        own = (Variable(entity, name) for name in self.settings.signals)
        return [variable for variable in own if variable in self.scores]

    @property
    def causes(self) -> Mapping[Variable, float]:
        """Contributions to the symptom's gap, by variable."""
        return {part.variable: part.contribution for part in self.incident.causes.contributions}

    def role(self, variable: Variable) -> str | None:
        """The role of its signal."""
        signal = self.settings.signals.get(variable.signal)
        return signal.role if signal else None

    def unit(self, variable: Variable) -> str:
        """The unit of its signal."""
        signal = self.settings.signals.get(variable.signal)
        return signal.unit if signal else ""

    def signs(self, entity: Entity) -> list[Variable]:
        """What shows that an entity is a cause, its largest contribution first: contributions, then signals that do not
        behave as their causes account for, or resources that are not as usual."""
        parts = sorted((v for v in self.causes if v.entity == entity), key=lambda v: -abs(self.causes[v]))
        others = [
            variable
            for variable in self.scored(entity)
            for scores in (self.scores[variable],)
            if self.role(variable) != "event"
            and (scores.causal_persists or (scores.marginal_persists and self.role(variable) == "saturation"))
        ]
        return list(dict.fromkeys((*parts, *sorted(others))))

    def events(
        self, entity: Entity, before: float, only: str | None = None, until: int | None = None
    ) -> Iterator[Occurrence]:
        """The newest occurrence of each event signal at an entity, or of one of them.

        From `before` seconds ahead of the incident to `until`; unless that is given, to what shows only a window after
        the incident began.
        """
        start = self.incident.start
        for name, signal in self.settings.signals.items():
            if signal.kind != "event" or signal.entity != entity.type or (only is not None and name != only):
                continue
            last = start + signal.window + self.settings.step if until is None else until
            variable = Variable(entity, name)
            at = self._newest_occurrence(variable, start - before, last)
            if at is not None:
                yield Occurrence(variable, at)

    def _newest_occurrence(self, variable: Variable, since: float, until: float) -> int | None:
        """When the newest occurrence was first seen; a window shows one for as long as it is."""
        if self.matrix is not None and variable in self.matrix:
            values, times = self.matrix.row(variable), self.matrix.times
        elif variable in self.scores:
            values = self.scores[variable].causal.observed
            times = self.incident.updated - int(self.settings.step) * np.arange(values.size - 1, -1, -1)
        else:
            return None
        if self.settings.signals[variable.signal].encode == "since":
            happened = np.isfinite(values) & (values < self.settings.step)
        else:
            happened = np.nan_to_num(values) > 0
        first = happened & ~np.concatenate([[False], happened[:-1]])
        seen = times[first & (times >= since) & (times <= until)]
        return int(seen[-1]) if seen.size else None

    def _newest(self, values: Floats) -> Floats:
        count = int((self.incident.updated - self.incident.start) // self.settings.step) + 1
        return values[-min(max(count, _FEWEST), self.settings.anomaly.persistence.of) :]


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else np.nan
