"""How long the stages of the service take: counted for /metrics, and traced where OpenTelemetry is set up."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from datasource.service.tracing import span


@dataclass(frozen=True)
class Stage:
    """How often a stage was run, how many seconds that took together, and how often it failed."""

    runs: int = 0
    seconds: float = 0.0
    failures: int = 0


class Stages:
    """The totals of every stage, for any thread."""

    def __init__(self) -> None:
        self._totals: dict[str, Stage] = {}
        self._lock = threading.Lock()

    @property
    def totals(self) -> Mapping[str, Stage]:
        """By the name of a stage, since the process began."""
        with self._lock:
            return dict(self._totals)

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        """Count what is done within as one run of a stage; what it raises goes on."""
        began, failed = time.monotonic(), True
        try:
            with span(name):
                yield
            failed = False
        finally:
            self.add(name, time.monotonic() - began, failed=failed)

    def add(self, name: str, seconds: float, *, failed: bool = False) -> None:
        """Count a run that took so many seconds."""
        with self._lock:
            before = self._totals.get(name, Stage())
            self._totals[name] = Stage(before.runs + 1, before.seconds + seconds, before.failures + failed)

    def go_on_from(self, totals: Mapping[str, Stage]) -> None:
        """Count on from what another one has counted."""
        with self._lock:
            for name, one in totals.items():
                own = self._totals.get(name, Stage())
                runs, seconds = own.runs + one.runs, own.seconds + one.seconds
                self._totals[name] = Stage(runs, seconds, own.failures + one.failures)
