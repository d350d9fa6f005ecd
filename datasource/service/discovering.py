"""Discovery beside the clock: a worker of its own proposes edges now and then, and ends when its time is over."""

import logging
import time
from concurrent.futures import CancelledError, Future

from datasource.data import Matrix
from datasource.discovery import Proposal, find_method, prior_of_graph
from datasource.graph import CausalGraph
from datasource.service.jobs import Workers
from datasource.settings import Settings, format_duration
from datasource.topology import Topology

log = logging.getLogger(__name__)


def discovery_job(method: str, settings: Settings, matrix: Matrix, graph: CausalGraph, topology: Topology) -> Proposal:
    """What a method says of the graph that the service works with. Raises ValueError."""
    return find_method(method)(matrix, prior_of_graph(settings, matrix, topology, graph))


class Discovering:
    """The discovery that is under way, and what was proposed last. One thread uses it."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self.workers = workers
        self.found: Proposal | None = None
        self._settings = settings
        self._asked = settings.graph.discover
        self._job: Future[Proposal] | None = None
        self._began = 0.0
        self._due_at = 0
        self._problem = ""

    @property
    def settled(self) -> bool:
        """Whether it is known what there is to say of the graph for now."""
        return self._asked is None or self.found is not None or bool(self._problem)

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be discovered, or that it is going on, in words."""
        if self._job is not None and self.found is None and self._asked:
            left = max(self._asked.time_budget - (time.monotonic() - self._began), 0.0)
            return (f"edges are being discovered; given up in {format_duration(round(left))}",)
        return (self._problem,) if self._problem else ()

    def begin(self, matrix: Matrix, graph: CausalGraph, topology: Topology) -> None:
        """Start where discovery is on, due, and not under way."""
        if self._asked is None or self._job is not None or matrix.end < self._due_at:
            return
        self._due_at = matrix.end + int(self._asked.every)
        self._began = time.monotonic()
        self._job = self.workers.submit(discovery_job, self._asked.method, self._settings, matrix, graph, topology)

    def collect(self) -> None:
        """Take what is done; give up what is over its time budget, until the next time."""
        job, seconds = self._job, time.monotonic() - self._began
        if job is None or self._asked is None or not (job.done() or seconds > self._asked.time_budget):
            return
        self._job = None
        try:
            if not job.done():
                self.workers.stop()
                budget = format_duration(self._asked.time_budget)
                raise TimeoutError(f"given up after {budget} (graph.discover.time_budget), trying again when due")
            self.found, self._problem = job.result(), ""
        except (Exception, CancelledError) as error:
            log.warning("discovery failed: %s", error)
            shown = "; those of the last time are shown" if self.found else ""
            self._problem = f"edges could not be discovered: {error or type(error).__name__}{shown}"
