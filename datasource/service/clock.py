"""The clock: evaluates once per step, whoever asks or does not."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from math import inf
from typing import Any

from datasource.graph import GraphError
from datasource.interventions import InterventionLog
from datasource.interventions.experiments import Experimenter
from datasource.prometheus import PrometheusError
from datasource.service.evaluator import Evaluator, Marking
from datasource.service.served import Served
from datasource.service.weighing import Weighing
from datasource.settings import Settings, format_duration

log = logging.getLogger(__name__)

_JUMP_TOLD = 3600.0


class Clock(Served):
    """Runs an Evaluator in a thread at every step and holds the newest snapshot.

    `now` gives seconds since 1970, `elapsed` seconds that nobody can set, by which jumps of the first are found.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] | None = None,
    ) -> None:
        self.evaluator = evaluator
        super().__init__(now, elapsed)
        self._between: float | None = None
        self._jump = -inf, ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.weighing = Weighing()
        self._ticking, self._telling = threading.Lock(), threading.Lock()
        self.experimenter = Experimenter(self.settings.experiments, self.interventions, self.scores)

    @property
    def settings(self) -> Settings:
        return self.evaluator.settings

    @property
    def interventions(self) -> InterventionLog:
        return self.evaluator.interventions

    def start(self) -> None:
        """Begin to evaluate, and to keep incidents and interventions in the store; returns at once."""
        self.evaluator.incidents.store = self.evaluator.interventions.store = self.settings.store
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()
        if self.leads:
            self.experimenter.start()

    def stop(self) -> None:
        """Stop evaluating and end the worker processes."""
        self._stop.set()
        self.experimenter.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self.evaluator.stop()
        self.evaluator.incidents.close()

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        """Mark an incident (by its id) with the next evaluation; from any thread."""
        self.evaluator.marking.put(Marking(kind, incident, by, reason, into))

    def tick(self) -> None:
        """One evaluation. A failure keeps the last snapshot and says why in `health`."""
        with self._ticking:
            self._tick()

    def _tick(self) -> None:
        began = time.monotonic()
        self._look_for_a_jump()
        try:
            with self.evaluator.stages.run("evaluate"):
                snapshot = self.evaluator.evaluate(self._now())
            notices = (*self._notices(), *snapshot.notices)
            self.snapshot = replace(snapshot, notices=notices, trials=self.weighing.found)
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
            if self.health.error:
                log.warning("it evaluates again, after: %s", self.health.error)
            self.succeeded = self._elapsed()
            self.told(
                evaluations=self.health.evaluations + 1,
                last_success=self._now(),
                last_seconds=time.monotonic() - began,
                error="",
                store_error=self.evaluator.incidents.lost,
            )

    def adopt(self, evaluator: Evaluator, *, fresh: bool = False) -> None:
        """Go on with another evaluator, under its settings, from the next evaluation on; with the same incidents, or
        with `fresh` ones."""
        with self._ticking:
            before, self.evaluator, self.weighing = self.evaluator, evaluator, Weighing()
            if fresh:
                before.incidents.close()
            else:
                evaluator.incidents = before.incidents.under(evaluator.settings)
            evaluator.marking = before.marking
            evaluator.stages.go_on_from(before.stages.totals)
            evaluator.interventions.store = before.interventions.store and evaluator.settings.store
        before.stop()
        self.experiment(run=self.leads and self._thread is not None)

    def experiment(self, *, run: bool) -> None:
        """Go over to the experiments of the settings in use, which this process is to run or not; one that goes on is
        rolled back."""
        self.experimenter.stop()
        self.experimenter = Experimenter(self.settings.experiments, self.interventions, self.scores)
        if run:
            self.experimenter.start()

    def told(self, **facts: Any) -> None:
        """What the health says besides; from any thread."""
        with self._telling:
            self.health = replace(self.health, **facts)

    def _look_for_a_jump(self) -> None:
        before, self._between = self._between, self._now() - self._elapsed()
        jump = 0.0 if before is None else self._between - before
        if abs(jump) > self.settings.step:
            way = "forward" if jump > 0 else "back"
            told = (
                f"the clock of this machine was set {format_duration(max(1, round(abs(jump))))} {way}: what was judged "
                "before may lie at other times than it happened; check its time synchronisation"
            )
            log.warning("%s", told)
            self._jump = self._elapsed(), told
            self.told(jumps=self.health.jumps + 1)

    def _notices(self) -> tuple[str, ...]:
        at, told = self._jump
        jump = told if self._elapsed() - at < _JUMP_TOLD else ""
        push = self.health.pushed.error if self.health.pushed else ""
        return tuple(one for one in (jump, self.health.settings_error, push) if one)

    def _failed(self, error: str) -> None:
        log.warning("evaluation failed: %s", error)
        self.told(evaluations=self.health.evaluations + 1, failures=self.health.failures + 1, error=error)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.tick()
            if self.leads and self.snapshot is not None:
                self.weighing.follow(self.snapshot)
            due = time.monotonic() + self._until_next()
            if self.health.error or not self.evaluator.asking.wait(timeout=self._until_next()):
                self._stop.wait(max(due - time.monotonic(), 0.0))

    def _until_next(self) -> float:
        """Seconds until the next point of the grid has surely arrived."""
        step, offset = self.settings.step, self.settings.latency_offset
        return float(step - (self._now() - offset) % step) + 0.05
