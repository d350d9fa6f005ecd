"""The clock: evaluates once per step, whoever asks or does not."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from math import inf

from datasource.graph import GraphError
from datasource.prometheus import PrometheusError
from datasource.service.evaluator import Evaluator, Marking
from datasource.service.snapshot import Snapshot
from datasource.settings import format_duration

log = logging.getLogger(__name__)

_STALE_STEPS = 5
_JUMP_TOLD = 3600.0


@dataclass(frozen=True)
class Health:
    """How the clock is doing. `error` is the last evaluation's, empty when it succeeded. `jumps` counts how often the
    time of this machine went another way than time does."""

    evaluations: int = 0
    failures: int = 0
    last_success: float = 0.0
    last_seconds: float = 0.0
    error: str = ""
    jumps: int = 0


class Clock:
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
        self._now = now
        self._elapsed = elapsed or (time.monotonic if now is time.time else now)
        self._between: float | None = None
        self._succeeded = -inf
        self._jump = -inf, ""
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
        self.evaluator.discovering.workers.stop()
        self.evaluator.incidents.close()

    def mark(self, kind: str, incident: str, by: str = "", reason: str = "", into: str = "") -> None:
        """Mark an incident (by its id) with the next evaluation; from any thread."""
        self.evaluator.marking.put(Marking(kind, incident, by, reason, into))

    def tick(self) -> None:
        """One evaluation. A failure keeps the last snapshot and says why in `health`."""
        began = time.monotonic()
        self._look_for_a_jump()
        try:
            snapshot = self.evaluator.evaluate(self._now())
            self.snapshot = replace(snapshot, notices=(*self._jump_notices(), *snapshot.notices))
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
            self._succeeded = self._elapsed()
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
        # A clock that was set back makes nothing fresh.
        age = max(self._now() - self.health.last_success, self._elapsed() - self._succeeded)
        return silent or age > steps

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

    def _look_for_a_jump(self) -> None:
        before, self._between = self._between, self._now() - self._elapsed()
        jump = 0.0 if before is None else self._between - before
        if abs(jump) > self.evaluator.settings.step:
            way = "forward" if jump > 0 else "back"
            told = (
                f"the clock of this machine was set {format_duration(max(1, round(abs(jump))))} {way}: what was judged "
                "before may lie at other times than it happened; check its time synchronisation"
            )
            log.warning("%s", told)
            self._jump = self._elapsed(), told
            self.health = replace(self.health, jumps=self.health.jumps + 1)

    def _jump_notices(self) -> tuple[str, ...]:
        at, told = self._jump
        return (told,) if self._elapsed() - at < _JUMP_TOLD else ()

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
