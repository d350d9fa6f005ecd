"""One evaluation: read, fit where it is due, judge, group."""

import logging
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from queue import Empty, SimpleQueue
from typing import NamedTuple

from datasource.anomaly import Mechanisms
from datasource.anomaly.drift import follow_drift
from datasource.causes import Judgement, QuietTimes, judge
from datasource.data import Entity, Matrix, Roles, Variable, absence_notices, count_absent_failures, encode_events
from datasource.effects import StructuralModel
from datasource.graph import BuiltGraph, CausalGraph, GraphError, build_graph, in_force, refuted
from datasource.incidents import Incident, Mark
from datasource.incidents.advice import advise
from datasource.incidents.connected import Neighbours, neighbours
from datasource.incidents.episodes import Past
from datasource.incidents.log import IncidentLog
from datasource.interventions import InterventionLog
from datasource.interventions.assessment import NOTHING_ASSESSED
from datasource.invariance import with_shifts
from datasource.prometheus import History, PrometheusError, Reader
from datasource.service.collecting import no_collecting
from datasource.service.comparing import comparing, comparing_job
from datasource.service.discovering import Discovering
from datasource.service.effects_worker import EffectsWorker
from datasource.service.falsifying import Falsifying, falsification_job
from datasource.service.intervening import Intervening
from datasource.service.jobs import Effects, Workers
from datasource.service.meaning import meaning_notices
from datasource.service.memory import Memory
from datasource.service.presence import presence
from datasource.service.rates import promise_notices
from datasource.service.refitting import Fitted, Refitting
from datasource.service.silence import find_silent, find_silent_signals, find_unasked
from datasource.service.snapshot import Snapshot
from datasource.service.stages import Stages
from datasource.service.unjudged import unjudged, unjudged_notices
from datasource.service.versioning import Versioning, with_all_evidence
from datasource.settings import Loaded
from datasource.topology import Topology, TopologyReader

log = logging.getLogger(__name__)


class Marking(NamedTuple):
    """Somebody marks an incident (by its id): `kind` is a value of MARKS; it is merged into that of the id `into`."""

    kind: str
    incident: str
    by: str = ""
    reason: str = ""
    into: str = ""


class Evaluator:
    """Turns what Prometheus knows at a time into the next snapshot. One thread calls it; others may put what they say
    of incidents into `marking`, which the next evaluation takes."""

    def __init__(self, loaded: Loaded, reader: Reader | None = None, workers: Workers | None = None) -> None:
        self.settings, self.fingerprint = loaded
        self.reader = reader or Reader(self.settings)
        self.stages = Stages()
        self.workers = workers or Workers(self.stages)
        self.asking = EffectsWorker(self.settings, workers or Workers(self.stages))
        self.discovering = Discovering(self.settings, workers or Workers(self.stages))
        self.comparing = comparing(self.settings, workers or Workers(self.stages))
        self.falsifying = Falsifying(self.settings, self.asking.workers)
        self._versioning = Versioning(self.settings)
        self._history = History(self.reader)
        self._older = self._older_read = self._history.older
        self._absence_notices: tuple[str, ...] = ()
        self._topology = Topology()
        self._topology_reader = TopologyReader(self.settings)
        self._graph = BuiltGraph(CausalGraph((), ()), ())
        self._live: tuple[tuple[object, ...], CausalGraph] = (), self._graph.graph
        self._refuted: frozenset[tuple[Variable, Variable]] = frozenset()
        """The edges that the last fit leaves out."""
        self._looked_at: tuple[CausalGraph | None, frozenset[tuple[Variable, Variable]]] = None, frozenset()
        """A graph, and its edges that are refuted."""
        self._mechanisms: Mechanisms | None = None
        self._refitting = Refitting(self.settings, self.workers)
        self._refit_notices: tuple[str, ...] = ()
        self._meaning: tuple[str, ...] = ()
        self.incidents = IncidentLog(self.settings)
        self.interventions = InterventionLog(None)
        self._intervening = Intervening(self.settings, self.interventions)
        self.marking: SimpleQueue[Marking] = SimpleQueue()
        self._advise: Callable[[Incident], Incident] = lambda incident: incident
        self._begun: frozenset[str] = frozenset()
        """The accepted incidents that the last fit knows."""
        self._near: Neighbours = {}
        self._quiet_times = QuietTimes(self.settings.quiet_times, Roles(self.settings.signals))
        self._refit_at = -1
        self._followed = -1
        self._entities: set[Entity] = set()

    def resume(self, memory: Memory) -> None:
        """Go on from what another evaluator has fitted, until the next refit is due; not under other settings."""
        if memory.fingerprint != self.fingerprint:
            return
        self._mechanisms, self._topology, self._graph = memory.mechanisms, memory.topology, BuiltGraph(memory.graph, ())
        self.falsifying.found, self.falsifying.found_at = memory.falsification, memory.tested_at
        self.discovering.found = memory.proposal
        self._refuted = refuted(memory.graph)
        self._know(in_force(memory.graph))
        self._refit_at = memory.mechanisms.fitted_at + int(self.settings.evaluation.refit)
        self._entities = set(memory.entities)
        if memory.effects is not None:
            self.asking.found = Effects(memory.effects, memory.impacts, memory.structural, assessed=memory.assessed)

    def stop(self) -> None:
        """End the worker processes, and let go of the log of interventions."""
        for one in (self, self.asking, self.discovering, self.comparing):
            one.workers.stop()
        self.interventions.close()

    def evaluate(self, now: float) -> Snapshot:
        """Read up to `now` (seconds), refit where it is due, judge. Raises PrometheusError, GraphError."""
        with no_collecting():
            return self._evaluate(now)

    def _evaluate(self, now: float) -> Snapshot:
        self.asking.collect()
        with self.stages.run("read"):
            read = self._history.update(now)
        points = int(read.sampled.sum())
        known = self._history.known
        matrix = encode_events(read, self.settings.signals, known)
        self._absence_notices = absence_notices(read, self.settings.signals, known)
        self._count_in_older()
        warm = points >= self.settings.evaluation.warm_up
        entities = {variable.entity for variable in matrix.variables}
        with self.stages.run("recall"):
            self.incidents.recall(matrix.end)
            self._mark(matrix.end)
            self._intervening.follow(matrix)
        fresh = matrix.end < self._refit_at <= matrix.end + int(self.settings.evaluation.refit)
        unfitted = self.incidents.unfitted(matrix.end) - self._begun
        due = not fresh or entities - self._entities or unfitted or self._live_refuted() != self._refuted
        if self._refitting.under_way or (warm and due):
            with self.stages.run("refit"):
                self._refit(matrix, entities)
        self.asking.collect()
        self.discovering.collect()
        self.comparing.collect()
        self.falsifying.collect()
        return self._judged(read, matrix, points)

    def _judged(self, read: Matrix, matrix: Matrix, points: int) -> Snapshot:
        """The snapshot of what was `read`, as it means (`matrix`), of which so many points are known."""
        with self.stages.run("judge"):
            judgement, found = self._judge(matrix), self.asking.found
        structural = found.structural if found else None
        assessed = found.assessed if found else NOTHING_ASSESSED
        self._intervening.learn(assessed.verdicts)
        graph = self._live_graph()
        if self._mechanisms is not None and self.falsifying.settled and self.discovering.settled:
            self._versioning.follow(self.interventions.store, self.incidents.fence, graph, matrix.end)
        if judgement is not None:
            with self.stages.run("group"):
                self._group(matrix, judgement, structural)
        mechanisms = self._mechanisms
        fitted = mechanisms.causal if mechanisms else {}
        roles = Roles(self.settings.signals)
        silent, present = unjudged(matrix, roles, fitted), presence(read, roles, fitted)
        gone = (*find_silent_signals(self.settings, read), *find_unasked(self.settings, read))
        vanished = present.notices()
        rare = {one.kind for one in find_silent(read) if not one.usual} if vanished else ()
        missed = (
            *(text for kind, text in vanished.items() if kind in rare),
            *(one.text for one in gone if not one.usual),
        )
        said = unjudged_notices(silent, fitted, self.settings.evaluation.warm_up) if mechanisms else ()
        self._follow_drift(judgement, matrix.end)
        return Snapshot(
            time=matrix.end,
            settings=self.settings,
            fingerprint=self.fingerprint,
            matrix=matrix,
            topology=self._topology,
            graph=graph,
            mechanisms=mechanisms,
            judgement=judgement,
            effects=found.effects if found else None,
            impacts=found.impacts if found else None,
            structural=structural,
            reports=self._history.reports,
            notices=(
                *dict.fromkeys((*vanished.values(), *missed)),
                *self._notices(),
                *said,
                *self._quiet_notices(judgement, matrix),
            ),
            points=points,
            points_needed=self.settings.evaluation.warm_up,
            older=self._older,
            newest_sample=int(read.times[read.sampled][-1]) if points else 0,
            incidents=self.incidents.shown(),
            unjudged=silent,
            presence=present,
            missed=missed,
            interventions=self._intervening.known,
            assessed=assessed,
            seen=self.incidents.seen_before(self._intervening.known, matrix),
            proposal=self.discovering.found,
            invariance=self.comparing.found,
            falsification=self.falsifying.found,
            tested_at=self.falsifying.found_at,
            history=self._versioning.history,
        )

    def _count_in_older(self) -> None:
        """Absent failures in the older points, too, whenever there are others."""
        if self._history.older is not self._older_read:
            self._older_read = self._history.older
            self._older = count_absent_failures(self._older_read, self.settings.signals, self._history.older_known)

    def _refit(self, matrix: Matrix, entities: set[Entity]) -> None:
        """Begin to refit, or take what has been fitted; the first fit is waited for, later ones go on beside judging.

        A failure leaves the mechanisms that are there, with a notice, until the next one is due.
        """
        try:
            if not self._refitting.under_way:
                self._refit_at = matrix.end + int(self.settings.evaluation.refit)
                self._entities = entities
                self._meaning = tuple(meaning_notices(self.settings, matrix))
                topology = self._topology_reader.read(self.reader.client, entities, matrix.start, matrix.end)
                built = build_graph(self.settings, matrix.variables, topology)
                said = self._with_evidence(built.graph)
                left_out = self._quiet_times.left_out(entities, matrix.start, matrix.end)
                self._begun, accepted = self.incidents.unfitted(matrix.end), self.incidents.accepted()
                self._refuted = refuted(said)
                self._refitting.begin(matrix, built, in_force(said), topology, self._older, left_out, accepted)
            fitted = self._refitting.collect(wait=self._mechanisms is None)
            if fitted is not None:
                self._adopt(fitted, matrix)
        except Exception as error:
            if self._mechanisms is None:
                self._refit_at = -1
                raise
            expected = isinstance(error, (BrokenProcessPool, TimeoutError, PrometheusError, GraphError))
            log.warning("a new fit failed: %s", error, exc_info=not expected)
            self._refit_notices = (f"mechanisms and graph are those of the last fit, a new one failed: {error}",)

    def _adopt(self, fitted: Fitted, matrix: Matrix) -> None:
        self._mechanisms, self._graph, used, self._topology = fitted
        self._know(used)
        self.incidents.fitted(self._begun, matrix.end)
        asked = self.settings.anomaly.false_alarms_per_day
        self._refit_notices = (*promise_notices(self._mechanisms.supported, asked), *self._mechanisms.notices)
        self.asking.ask(matrix, self._live_graph(), self._intervening.known)
        now, known = matrix.end, self._intervening.known
        self.discovering.ask(now, self.settings, matrix, self._graph.graph, self._topology)
        self.falsifying.begin(now, falsification_job, self.settings, matrix, used, self._topology)
        self.comparing.begin(now, comparing_job, self.settings, matrix, used, known, self.incidents.shown())

    def _with_evidence(self, graph: CausalGraph) -> CausalGraph:
        falsifying, proposal = self.falsifying, self.discovering.found
        said = with_all_evidence(graph, self._intervening.verdicts, falsifying.found, falsifying.found_at, proposal)
        return with_shifts(said, self.comparing.found)

    def _live_graph(self) -> CausalGraph:
        """The graph that was built last, with all evidence; the same object while nothing new is said."""
        said = (
            *(self._graph, self._intervening.verdicts),
            *(self.falsifying.found, self.discovering.found, self.comparing.found),
        )
        if said != self._live[0]:
            self._live = said, self._with_evidence(self._graph.graph)
        return self._live[1]

    def _live_refuted(self) -> frozenset[tuple[Variable, Variable]]:
        """The edges of the live graph that are refuted."""
        graph = self._live_graph()
        if graph is not self._looked_at[0]:
            self._looked_at = graph, refuted(graph)
        return self._looked_at[1]

    def _know(self, graph: CausalGraph) -> None:
        self._quiet_times = QuietTimes(self.settings.quiet_times, Roles(self.settings.signals), graph)
        self._near = neighbours(graph, self._topology)

    def _mark(self, time: int) -> None:
        """What others say of incidents, with the advice of the last evaluation, which knows what was usual."""
        while True:
            try:
                one = self.marking.get_nowait()
            except Empty:
                return
            mark = Mark(time, one.by, one.reason, one.kind)
            self.incidents.mark(one.incident, mark, self._advise, into=one.into)

    def _follow_drift(self, judgement: Judgement | None, time: int) -> None:
        """Once for every new point; what a quiet time brings is not followed."""
        if judgement is None or self._mechanisms is None or time == self._followed:
            return
        self._followed = time
        quiet = {one.entity for one in judgement.silenced.quiet if one.because is None}
        usual = judgement.scores
        if quiet:
            usual = {variable: scores for variable, scores in usual.items() if variable.entity not in quiet}
        causal = {variable: scores.causal for variable, scores in usual.items()}
        marginal = {variable: scores.marginal for variable, scores in usual.items()}
        self._mechanisms = follow_drift(self._mechanisms, causal, marginal, int(self.settings.step))

    def _judge(self, matrix: Matrix) -> Judgement | None:
        if self._mechanisms is None:
            return None
        persistence = self.settings.anomaly.persistence
        return judge(
            matrix,
            self._mechanisms,
            Roles(self.settings.signals),
            self._topology,
            points=persistence.points,
            of=persistence.of,
            previous=self.incidents.verdicts,
            late=self._history.late,
            quiet_times=self._quiet_times,
            recurrences=self.incidents.recurrences,
            busy=self.incidents.busy(),
        )

    def _group(self, matrix: Matrix, judgement: Judgement, structural: StructuralModel | None) -> None:
        def advised(incident: Incident) -> Incident:
            try:
                return advise(incident, self.settings, judgement, structural, self._topology, matrix)
            except Exception:
                log.exception("no advice for incident %s", incident.id)
                return incident

        assert self._mechanisms is not None
        self._advise = advised
        past = Past(matrix, self._mechanisms, Roles(self.settings.signals))
        self.incidents.update(judgement, self._near, matrix.end, past, advised, structural)

    def _quiet_notices(self, judgement: Judgement | None, matrix: Matrix) -> tuple[str, ...]:
        told = judgement.silenced.told(matrix.end) if judgement else ()
        return (*self._quiet_times.notices({variable.entity for variable in matrix.variables}), *told)

    def _notices(self) -> tuple[str, ...]:
        signals = (
            f"signal '{report.signal}': {told}"
            for report in self._history.reports
            for told in (report.problem, report.notice)
            if told
        )
        graph = (*self._topology.notices, *self._graph.notices, *self._refit_notices)
        return (
            *signals,
            *self._absence_notices,
            *self._meaning,
            *graph,
            *self.asking.notices,
            *self.incidents.notices,
            *self._intervening.notices,
            *self.discovering.notices,
            *self.comparing.notices,
            *self.falsifying.notices,
            *self._versioning.notices,
        )
