"""A job beside the clock, now and then: a worker of its own does it, and is ended when its time is over."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from math import inf, isfinite
from typing import Any, Generic, TypeVar

from datasource.service.jobs import Workers
from datasource.settings import format_duration

log = logging.getLogger(__name__)
T = TypeVar("T")


class Background(Generic[T]):
    """The job that is under way, and what was found last, with the time (seconds) of its data; off where `every` is
    None. One thread uses it.

    doing, undone: what notices say, as "edges are being discovered" and "edges could not be discovered". budget: the
    name of the setting of `time_budget` (seconds), after which the worker is ended; without one a job has its time.
    """

    def __init__(
        self, workers: Workers, every: float | None, doing: str, undone: str, time_budget: float = inf, budget: str = ""
    ) -> None:
        self.workers = workers
        self.found: T | None = None
        self.found_at = 0
        self._every, self._time_budget = every, time_budget
        self._said = doing, undone, budget
        self._job: Future[T] | None = None
        self._began, self._asked_at = 0.0, 0
        self._due_at = 0
        self._problem = ""

    @property
    def settled(self) -> bool:
        """Whether it is known what there is to say for now."""
        return self._every is None or self.found is not None or bool(self._problem)

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be done, or that it is going on and for how long at most, in words."""
        if self._job is not None and self.found is None and isfinite(self._time_budget):
            left = max(self._time_budget - (time.monotonic() - self._began), 0.0)
            return (f"{self._said[0]}{self._far}; it ends within {format_duration(round(left))}",)
        return (self._problem,) if self._problem else ()

    @property
    def _far(self) -> str:
        """How far the job is, in words, where it tells."""
        return ""

    def begin(self, now: int, job: Callable[..., T], *arguments: Any) -> None:
        """Start where it is on, due at `now` (seconds), and not under way."""
        if self._every is None or self._job is not None or now < self._due_at:
            return
        self._due_at, self._asked_at = now + int(self._every), now
        self._began = time.monotonic()
        try:
            self._job = self.workers.submit(job, *arguments)
        except BrokenProcessPool as error:
            self._fail(error)

    def collect(self) -> None:
        """Take what is done; give up what is over its time budget, until the next time."""
        job, seconds = self._job, time.monotonic() - self._began
        if job is None or not (job.done() or seconds > self._time_budget):
            return
        self._job = None
        try:
            if not job.done():
                self.workers.stop()
                given = format_duration(self._time_budget)
                raise TimeoutError(f"given up after {given} ({self._said[2]}), trying again when due")
            self.found, self.found_at, self._problem = self._steadied(job.result()), self._asked_at, ""
        except (Exception, CancelledError) as error:
            self._fail(error)

    def _steadied(self, new: T) -> T:
        """What is made of something new: all of it."""
        return new

    def _fail(self, error: BaseException) -> None:
        log.warning("%s: %s", self._said[1], error)
        shown = "; those of the last time are shown" if self.found is not None else ""
        self._problem = f"{self._said[1]}: {error or type(error).__name__}{shown}"
