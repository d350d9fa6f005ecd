"""Walking through the past as the clock would have: which alarms would there have been, and who would have been named?

Between two refits everything is scored at once, with mechanisms that know only what was before. Causes are named
where an alarm begins, where another entity joins it, and at doubling distances after that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from datasource.anomaly import Mechanisms, Persistence
from datasource.causes import QuietTimes, Verdict, judge
from datasource.causes.recurrence import Recurrences
from datasource.causes.suspects import Busy
from datasource.causes.watch import silence_of, watch
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.replay.alarms import Alarm, Flags, NamedRoots, Replay, alarms_of
from datasource.replay.windows import Stretch
from datasource.service.jobs import fit_job
from datasource.service.unjudged import Unjudged, unjudged, unjudged_notices
from datasource.settings import Settings


def replay(settings: Settings, start: int, end: int, stretches: Iterable[Stretch]) -> Replay:
    """Judge every step of [start, end] (seconds, multiples of the step) that the stretches cover.

    A stretch before which there are fewer points than the
    warm-up asks for is not judged. Raises GraphError, and what the stretches raise.
    """
    columns = (end - start) // int(settings.step) + 1
    walk = _Walk(settings, start, np.zeros((len(settings.signals), columns)), np.zeros(columns, dtype=np.bool_))
    for stretch in stretches:
        walk.play(stretch)
    return Replay(
        start,
        int(settings.step),
        walk.persistence.apart,
        tuple(settings.signals),
        walk.heights,
        walk.judged,
        frozenset(walk.variables),
        tuple(walk.alarms),
        tuple(walk.looks),
        walk.supported,
        (*unjudged_notices([*walk.unjudged.values()], walk.fitted, settings.evaluation.warm_up), *walk.notices),
    )


@dataclass
class _Walk:
    settings: Settings
    start: int
    heights: Floats
    judged: Flags
    variables: set[Variable] = field(default_factory=set)
    alarms: list[Alarm] = field(default_factory=list)
    looks: list[NamedRoots] = field(default_factory=list)
    supported: float = 0.0
    notices: dict[str, None] = field(default_factory=dict)
    fitted: set[Variable] = field(default_factory=set)
    unjudged: dict[Variable, Unjudged] = field(default_factory=dict)
    """The variables that were never fitted, as they were before the last stretch that knew them."""
    _quiet_times: QuietTimes = field(default_factory=QuietTimes)
    _recurrences: Recurrences = field(default_factory=Recurrences)
    _verdicts: tuple[Verdict, ...] = ()
    _joined: dict[Entity, int] = field(default_factory=dict)
    """Since when (seconds) each entity is in the episode that goes on."""
    _began: int = 0
    """When (seconds) the episode that goes on began."""
    _last: int = 0
    """The newest time (seconds) with an alarm."""

    @property
    def persistence(self) -> Persistence:
        return Persistence(self.settings.anomaly.persistence.points, self.settings.anomaly.persistence.of)

    def play(self, stretch: Stretch) -> None:
        """Refit on what was before, score the stretch, and look at causes."""
        baseline = stretch.baseline
        self.notices |= dict.fromkeys((*stretch.notices, *stretch.topology.notices))
        if int(np.isfinite(baseline.values).any(axis=0).sum()) < self.settings.evaluation.warm_up:
            return
        built = build_graph(self.settings, baseline.variables, stretch.topology)
        self.notices |= dict.fromkeys(built.notices)
        entities = {variable.entity for variable in baseline.variables}
        self._quiet_times = QuietTimes(self.settings.quiet_times, Roles(self.settings.signals), built.graph)
        self.notices |= dict.fromkeys(self._quiet_times.notices(entities))
        left_out = self._quiet_times.left_out(entities, baseline.start, baseline.end)
        mechanisms = fit_job(self.settings, baseline, built.graph, stretch.older, left_out)
        self.supported = max(self.supported, mechanisms.supported)
        self.fitted |= mechanisms.causal.keys()
        short = unjudged(baseline, Roles(self.settings.signals), self.fitted)
        self.unjudged = {v: one for v, one in self.unjudged.items() if v not in self.fitted} | {
            one.variable: one for one in short
        }
        alarming: dict[Entity, Flags] = {}
        for alarm, above in self._score(stretch, mechanisms):
            self.alarms += alarm
            entity = alarm[0].variable.entity
            alarming[entity] = alarming[entity] | above if entity in alarming else above
        self._look(stretch, mechanisms, alarming)

    def _score(self, stretch: Stretch, mechanisms: Mechanisms) -> Iterator[tuple[list[Alarm], Flags]]:
        """The alarms of every variable and kind of score that has any, and at which columns of the stretch."""
        matrix, roles, of = stretch.matrix, Roles(self.settings.signals), self.persistence.of
        longest = max((p.lag for m in mechanisms.causal.values() for p in m.parents), default=0)
        window = matrix.between(stretch.first - (of - 1 + longest) * matrix.step, matrix.end)
        first, after = ((time - self.start) // matrix.step for time in (stretch.first, matrix.end + matrix.step))
        place, columns = slice(first, after), after - first
        rows = {signal: row for row, signal in enumerate(self.settings.signals)}
        silence = silence_of(self._quiet_times, mechanisms, window, roles, self.persistence)
        for one in watch(mechanisms, window, roles, self.persistence, silence, recurrences=self._recurrences):
            if not one.heights:
                continue
            variable = one.variable
            self.variables.add(variable)
            known = np.isfinite(one.causal.score) | np.isfinite(one.marginal.score)
            if variable in silence.own:
                known &= ~silence.own[variable]
            self.judged[place] |= known[-columns:]
            for kind, whole in one.heights.items():
                height = whole[-columns:]
                heights = self.heights[rows[variable.signal], place]
                np.maximum(heights, height, out=heights)
                above = height > 1
                if above.any():
                    yield alarms_of(variable, kind, height, stretch.first, matrix.step, self.persistence.apart), above

    def _look(self, stretch: Stretch, mechanisms: Mechanisms, alarming: dict[Entity, Flags]) -> None:
        matrix, step = stretch.matrix, stretch.matrix.step
        together = np.any([*alarming.values()], axis=0) if alarming else np.empty(0)
        for column in np.flatnonzero(together).tolist():
            now = stretch.first + column * step
            if now - self._last > self.persistence.apart * step:
                self._verdicts, self._joined, self._began = (), {}, now
            self._last = now
            joined = [one for one, flags in alarming.items() if flags[column] and one not in self._joined]
            self._joined |= dict.fromkeys(joined, now)
            if _due((now - max(self._joined.values())) // step):
                self._verdicts = self._named(matrix.between(matrix.start, now), mechanisms, stretch)
                roots = dict.fromkeys(one.root_cause for one in self._verdicts if one.root_cause is not None)
                self.looks.append(NamedRoots(now, tuple(roots)))

    def _named(self, until: Matrix, mechanisms: Mechanisms, stretch: Stretch) -> tuple[Verdict, ...]:
        points, of = self.persistence
        roles = Roles(self.settings.signals)
        return judge(
            until,
            mechanisms,
            roles,
            stretch.topology,
            points=points,
            of=of,
            previous=self._verdicts,
            quiet_times=self._quiet_times,
            busy=[Busy(one.variable.entity, one.start, one.end) for one in self.alarms if one.end < self._began],
        ).verdicts


def _due(steps: int) -> bool:
    """Whether to look so many steps after the last entity joined: 0, 1, 2, 4, 8 and so on."""
    return steps & (steps - 1) == 0
