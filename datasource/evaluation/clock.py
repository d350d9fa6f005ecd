"""The clock: evaluates once per step, whoever asks or does not."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

from datasource.evaluation.evaluator import Evaluator, Marking
from datasource.evaluation.snapshot import Snapshot
from datasource.graph import GraphError
from datasource.telemetry import PrometheusError

log = logging.getLogger(__name__)

_STALE_STEPS = 5


@dataclass(frozen=True)
class Health:
    """How the clock is doing. `error` is the last evaluation's, empty when it succeeded."""

    evaluations: int = 0
    failures: int = 0
    last_success: float = 0.0
    last_seconds: float = 0.0
    error: str = ""


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
        """Begin to evaluate, and to keep incidents in the store; returns at once."""
        self.evaluator.incidents.store = self.evaluator.settings.store
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop evaluating and end the worker processes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self.evaluator.workers.stop()
        self.evaluator.asking.workers.stop()
        self.evaluator.incidents.close()

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        """Mark an incident (by its id) with the next evaluation; from any thread."""
        self.evaluator.marking.put(Marking(kind, incident, by, reason, into))

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
