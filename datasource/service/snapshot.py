"""The immutable result of one evaluation."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly import Mechanisms, Prediction
from datasource.causes import Judgement, QuietTimes, Recent
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.discovery import Proposal
from datasource.discovery.falsification import Falsification
from datasource.effects import Comparison, EffectResult
from datasource.effects.structural import StructuralModel
from datasource.graph import CausalGraph
from datasource.graph.versions import NO_HISTORY, History
from datasource.incidents import Incident
from datasource.incidents.seen_before import Seen
from datasource.interventions import Intervention
from datasource.interventions.assessment import NOTHING_ASSESSED, Assessment
from datasource.interventions.trial import TrialTold
from datasource.invariance import Invariance
from datasource.prometheus import SignalReport
from datasource.service.presence import NOBODY, Presence
from datasource.service.unjudged import Unjudged, unjudged_notices
from datasource.settings import Settings
from datasource.topology import Topology


@dataclass(frozen=True)
class Snapshot:
    """Everything known at `time` (seconds): keyed by time, settings, graph version and mechanism version.

    `mechanisms` and `judgement` are None while the baseline warms up, which `points` of `points_needed` says;
    `effects` is None until they were computed for the first time. `older` is the part of the baseline before `matrix`,
    one point every `settings.older_step` seconds. `incidents` are those that go on and those that ended not long ago,
    the newest first. `unjudged` are the variables that have no mechanism; `presence` says who is measured now and who
    is not any more; `missed` are those of the notices that tell of what no verdict can. `interventions` are all that is
    in the log, `assessed` says what the newest of them changed; `seen` has, by the id of an open incident, earlier ones
    like it. `proposal` is what was discovered last, None where discovery is off or not done; `invariance` says whether
    mechanisms are the same in all environments, None where that is off or not done; `falsification` is what the data at
    `tested_at` say against the graph, and `history` the versions of it; `trials` are what would tell most about open
    incidents and the graph, as found out last.
    """

    time: int
    settings: Settings
    fingerprint: str
    matrix: Matrix
    topology: Topology
    graph: CausalGraph
    mechanisms: Mechanisms | None
    judgement: Judgement | None
    effects: tuple[EffectResult, ...] | None
    reports: tuple[SignalReport, ...]
    notices: tuple[str, ...]
    points: int
    points_needed: int
    older: Matrix | None = None
    newest_sample: int = 0
    structural: StructuralModel | None = None
    impacts: tuple[EffectResult, ...] | None = None
    incidents: tuple[Incident, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    presence: Presence = NOBODY
    missed: tuple[str, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    assessed: Assessment = NOTHING_ASSESSED
    seen: Mapping[str, tuple[Seen, ...]] = field(default_factory=dict)
    proposal: Proposal | None = None
    invariance: Invariance | None = None
    falsification: Falsification | None = None
    tested_at: int = 0
    history: History = NO_HISTORY
    trials: tuple[TrialTold, ...] = ()

    @property
    def key(self) -> tuple[int, str, str, int]:
        """(time, settings, graph version, mechanism version)."""
        return self.time, self.fingerprint, self.graph.version, self.mechanisms.fitted_at if self.mechanisms else 0

    @property
    def roles(self) -> Roles:
        return Roles(self.settings.signals)

    @property
    def quiet_times(self) -> QuietTimes:
        """When who does not alarm, because it is known and harmless."""
        return QuietTimes(self.settings.quiet_times, self.roles, self.graph)

    @property
    def entities(self) -> tuple[Entity, ...]:
        """Every measured entity, in order."""
        return tuple(sorted({variable.entity for variable in self.matrix.variables}))

    @property
    def recent(self) -> Recent | None:
        """The newest points against what is usual, for naming causes; None while warming up."""
        if self.mechanisms is None:
            return None
        of = self.settings.anomaly.persistence.of
        newest = self.matrix.between(self.matrix.end - (of - 1) * self.matrix.step, self.matrix.end)
        scores = self.judgement.scores if self.judgement else {}
        known = {variable: (one.causal, one.marginal) for variable, one in scores.items() if not one.behind}
        return Recent(newest, self.mechanisms, self.roles, self.topology, known)

    @property
    def warming_up(self) -> str:
        """What is still missing, in words; empty when nothing is."""
        if not self.matrix.variables:
            problems = [report.problem for report in self.reports if report.problem]
            reason = f": {problems[0]}" if problems else "; 'causal-datasource check' says why for each signal"
            return f"Prometheus has no samples for any configured signal{reason}"
        if self.mechanisms is not None and not self.mechanisms.causal and self.points >= self.points_needed:
            return next(iter(unjudged_notices(self.unjudged, (), self.points_needed)), "no variable can be judged")
        if self.mechanisms is None or not self.mechanisms.causal:
            return f"warming up: {self.points} of {self.points_needed} points"
        return ""

    @property
    def scores_begin(self) -> int | None:
        """When the warm-up ends (seconds) if samples keep coming; None where it is over or waits for something else."""
        missing = self.points_needed - self.points
        if self.mechanisms is not None or missing <= 0 or not self.matrix.variables:
            return None
        return self.time + missing * self.matrix.step

    def times_of(self, comparison: Comparison) -> tuple[NDArray[np.int64], int]:
        """Seconds since 1970 of a comparison's points, and of its beginning.

        Its places count steps since 1970, or up to the newest point.
        """
        places, step = comparison.times.astype(np.int64), self.matrix.step
        shift = 0
        if places.size and places[-1] * step < self.matrix.start:
            shift = self.matrix.end - int(places[-1]) * step
        return places * step + shift, comparison.began * step + shift

    def predict(self, variable: Variable, *, marginal: bool = False) -> Prediction | None:
        """Observed and expected values over the whole matrix; None while there is no mechanism."""
        if self.mechanisms is None or variable not in self.matrix:
            return None
        mechanisms = self.mechanisms.marginal if marginal else self.mechanisms.causal
        mechanism = mechanisms.get(variable)
        return mechanism.predict(self.matrix, self.roles) if mechanism else None

    def predict_between(
        self, variables: Iterable[Variable], start: float, end: float, *, marginal: bool = False
    ) -> Iterator[tuple[Variable, NDArray[np.int64], Prediction]]:
        """Of each variable that has a mechanism the times in [start, end] (seconds) and what is predicted there, the
        same as over the whole matrix."""
        known = (self.mechanisms.marginal if marginal else self.mechanisms.causal) if self.mechanisms else {}
        found = [known[variable] for variable in variables if variable in known and variable in self.matrix]
        before = max((parent.lag for mechanism in found for parent in mechanism.parents), default=0)
        part = self.matrix.between(start - before * self.matrix.step, end)
        shown = part.times >= start
        if not shown.any():
            return
        roles = self.roles
        for mechanism in found:
            prediction = mechanism.predict(part, roles)
            yield mechanism.variable, part.times[shown], Prediction(*(values[shown] for values in prediction))
