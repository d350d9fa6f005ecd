"""The clock: reads, fits, judges and publishes, once per step, whoever asks or does not."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

import numpy as np

from datasource.anomaly import Judgement, Mechanisms, Roles, Verdict, judge
from datasource.evaluation.asking import Asking
from datasource.evaluation.jobs import Workers, fit_job
from datasource.evaluation.snapshot import Snapshot
from datasource.graph import CausalGraph, GraphError, build_graph
from datasource.settings import Loaded
from datasource.telemetry import Entity, History, Matrix, PrometheusError, Reader, encode_events
from datasource.topology import Topology, TopologyReader

log = logging.getLogger(__name__)

_STALE_STEPS = 5
_FIT_TIMEOUT = 600.0


@dataclass(frozen=True)
class Health:
    """How the clock is doing. `error` is the last evaluation's, empty when it succeeded."""

    evaluations: int = 0
    failures: int = 0
    last_success: float = 0.0
    last_seconds: float = 0.0
    error: str = ""


class Evaluator:
    """Turns what Prometheus knows at a time into the next snapshot. One thread calls it."""

    def __init__(self, loaded: Loaded, reader: Reader | None = None, workers: Workers | None = None) -> None:
        self.settings, self.fingerprint = loaded
        self.reader = reader or Reader(self.settings)
        self.workers = workers or Workers(self.settings.evaluation.workers)
        self.asking = Asking(self.settings, workers or Workers(1))
        self._history = History(self.reader)
        self._topology = Topology()
        self._topology_reader = TopologyReader(self.settings)
        self._graph: tuple[CausalGraph, tuple[str, ...]] = (CausalGraph((), ()), ())
        self._mechanisms: Mechanisms | None = None
        self._refit_notices: tuple[str, ...] = ()
        self._verdicts: tuple[Verdict, ...] = ()
        self._refit_at = -1
        self._entities: set[Entity] = set()

    def evaluate(self, now: float) -> Snapshot:
        """Read up to `now` (seconds), refit where it is due, judge. Raises PrometheusError, GraphError."""
        self.asking.collect()
        read = self._history.update(now)
        sampled = np.isfinite(read.values).any(axis=0)
        points = int(sampled.sum())
        matrix = encode_events(read, self.settings.signals, self._history.ends)
        warm = points >= self.settings.evaluation.warm_up
        entities = {variable.entity for variable in matrix.variables}
        if warm and (matrix.end >= self._refit_at or entities - self._entities):
            self._try_to_refit(matrix)
            self._entities = entities
        self.asking.collect()
        judgement, found = self._judge(matrix), self.asking.found
        return Snapshot(
            time=matrix.end,
            settings=self.settings,
            fingerprint=self.fingerprint,
            matrix=matrix,
            topology=self._topology,
            graph=self._graph[0],
            mechanisms=self._mechanisms,
            judgement=judgement,
            effects=found.effects if found else None,
            impacts=found.impacts if found else None,
            structural=found.structural if found else None,
            reports=self._history.reports,
            notices=self._notices(),
            points=points,
            points_needed=self.settings.evaluation.warm_up,
            older=self._history.older,
            newest_sample=int(read.times[sampled][-1]) if points else 0,
        )

    def _try_to_refit(self, matrix: Matrix) -> None:
        """Refit; a failure leaves the mechanisms that are there, with a notice, until the next one is due."""
        try:
            self._refit(matrix)
            self._refit_notices = ()
        except Exception as error:
            if isinstance(error, (BrokenProcessPool, TimeoutError)):
                self.workers.stop()
            if self._mechanisms is None:
                raise
            log.exception("refit failed")
            self._refit_notices = (f"mechanisms and graph are those of the last fit, a new one failed: {error}",)
        self._refit_at = matrix.end + int(self.settings.evaluation.refit)

    def _refit(self, matrix: Matrix) -> None:
        entities = {variable.entity for variable in matrix.variables}
        topology = self._topology_reader.read(self.reader.client, entities, matrix.start, matrix.end)
        built = build_graph(self.settings, matrix.variables, topology)
        job = self.workers.submit(fit_job, self.settings, matrix, built.graph, self._history.older)
        self._mechanisms = job.result(_FIT_TIMEOUT)
        self._topology = topology
        self._graph = built.graph, built.notices
        self.asking.ask(matrix, built.graph)

    def _judge(self, matrix: Matrix) -> Judgement | None:
        if self._mechanisms is None:
            return None
        persistence = self.settings.anomaly.persistence
        judgement = judge(
            matrix,
            self._mechanisms,
            Roles(self.settings.signals),
            self._topology,
            points=persistence.points,
            of=persistence.of,
            previous=self._verdicts,
        )
        self._verdicts = judgement.verdicts
        return judgement

    def _notices(self) -> tuple[str, ...]:
        signals = (
            f"signal '{report.signal}': {told}"
            for report in self._history.reports
            for told in (report.problem, report.notice)
            if told
        )
        graph = (*self._topology.notices, *self._graph[1], *self._refit_notices)
        return (*signals, *graph, *self.asking.notices)


class Clock:
    """Runs an Evaluator in a thread at every step and holds the newest snapshot."""

    def __init__(self, evaluator: Evaluator, now: Callable[[], float] = time.time) -> None:
        self.evaluator = evaluator
        self._now = now
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.snapshot: Snapshot | None = None
        self.health = Health()

    def start(self) -> None:
        """Begin to evaluate; returns at once."""
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop evaluating and end the worker processes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self.evaluator.workers.stop()
        self.evaluator.asking.workers.stop()

    def tick(self) -> None:
        """One evaluation. A failure keeps the last snapshot and says why in `health`."""
        began = time.monotonic()
        try:
            self.snapshot = self.evaluator.evaluate(self._now())
        except (PrometheusError, GraphError) as error:
            self._failed(str(error))
        except (BrokenProcessPool, TimeoutError) as error:
            self._failed(
                f"the worker process that fits was lost or took too long ({type(error).__name__}); trying again"
            )
        except Exception as error:
            log.exception("evaluation failed")
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self.health = replace(
                self.health,
                evaluations=self.health.evaluations + 1,
                last_success=self._now(),
                last_seconds=time.monotonic() - began,
                error="",
            )

    def stale(self) -> bool:
        """Whether the newest snapshot is too old to be believed."""
        steps = _STALE_STEPS * self.evaluator.settings.step + self.evaluator.settings.prometheus.latency_offset
        newest = self.snapshot.newest_sample if self.snapshot is not None and self.snapshot.points else None
        silent = newest is not None and self._now() - newest > steps + self.evaluator.settings.step
        return silent or self._now() - self.health.last_success > steps

    def ready(self) -> str:
        """Empty when everything configured has been evaluated and is fresh; otherwise what is missing."""
        snapshot = self.snapshot
        if snapshot is None:
            return self.health.error or "the first evaluation is under way"
        if self.stale():
            return f"results are old: {self.health.error or 'no sample has come for a while'}"
        if snapshot.mechanisms is not None and snapshot.effects is None and snapshot.settings.effects:
            return "effects are being computed"
        return ""

    def _failed(self, error: str) -> None:
        log.warning("evaluation failed: %s", error)
        self.health = replace(
            self.health, evaluations=self.health.evaluations + 1, failures=self.health.failures + 1, error=error
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            self.tick()
            if self.health.error or not self.evaluator.asking.wait(timeout=self._until_next()):
                self._stop.wait(self._until_next())

    def _until_next(self) -> float:
        """Seconds until the next point of the grid has surely arrived."""
        step, offset = self.evaluator.settings.step, self.evaluator.settings.prometheus.latency_offset
        return float(step - (self._now() - offset) % step) + 0.05
