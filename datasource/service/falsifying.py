"""Falsification beside the clock: in the worker of effects, what the graph implies is tested on what was read."""

import logging
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from math import ceil

from datasource.data import Entity, Matrix
from datasource.discovery.falsification import Falsification, falsify
from datasource.discovery.implied import measured_twice
from datasource.discovery.prior import Pair
from datasource.graph import CausalGraph
from datasource.service.jobs import Workers
from datasource.settings import Settings
from datasource.topology import Topology

log = logging.getLogger(__name__)


def falsification_job(settings: Settings, matrix: Matrix, graph: CausalGraph, topology: Topology) -> Falsification:
    """What a matrix says against the graph of settings, whose signals say over which windows they look."""
    tied: dict[Entity, set[Entity]] = {}
    for tie in topology.ties:
        entities = {entity for _, entity in tie.ends}
        for one in entities:
            tied.setdefault(one, set()).update(entities)
    asked = settings.graph.falsify
    return falsify(
        matrix,
        graph,
        windows={name: ceil(signal.window / settings.step) for name, signal in settings.signals.items()},
        tied=tied,
        aside=measured_twice(matrix.variables, {name: signal.role for name, signal in settings.signals.items()}),
        **({"false_discoveries": asked.false_discoveries} if asked else {}),
    )


class Falsifying:
    """The falsification that is under way, and what was found last, with the time (seconds since 1970) of its data.

    One thread uses it.
    """

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self.found: Falsification | None = None
        self.found_at = 0
        self._settings = settings
        self._workers = workers
        self._asked = settings.graph.falsify
        self._job: Future[Falsification] | None = None
        self._job_at = 0
        self._due_at = 0
        self._problem = ""
        self._idle: Mapping[Pair, str] | None = None
        """What the last test alone found idle."""

    @property
    def settled(self) -> bool:
        """Whether it is known what there is to say of the graph for now."""
        return self._asked is None or self.found is not None or bool(self._problem)

    @property
    def notices(self) -> tuple[str, ...]:
        """What could not be tested, in words."""
        return (self._problem,) if self._problem else ()

    def begin(self, matrix: Matrix, graph: CausalGraph, topology: Topology) -> None:
        """Start where falsification is on, due, and not under way."""
        if self._asked is None or self._job is not None or matrix.end < self._due_at:
            return
        self._due_at, self._job_at = matrix.end + int(self._asked.every), matrix.end
        try:
            self._job = self._workers.submit(falsification_job, self._settings, matrix, graph, topology)
        except BrokenProcessPool as error:
            self._problem = f"the graph could not be tested: {error or type(error).__name__}"

    def collect(self) -> None:
        """Take what is done; what failed is tried again when it is due."""
        job = self._job
        if job is None or not job.done():
            return
        self._job = None
        try:
            self.found, self.found_at, self._problem = self._steadied(job.result()), self._job_at, ""
        except (Exception, CancelledError) as error:
            log.warning("falsification failed: %s", error)
            shown = "; what was found last is shown" if self.found else ""
            self._problem = f"the graph could not be tested: {error or type(error).__name__}{shown}"

    def _steadied(self, new: Falsification) -> Falsification:
        """Of what changes from test to test nothing is made: after the first one, two in a row must agree on an edge
        for it to become doubtful, or to be doubtful no longer."""
        doubted = self.found.idle if self.found else None
        before, self._idle = doubted if self._idle is None else self._idle, new.idle
        if doubted is None or before is None:
            return new
        either = {**before, **new.idle}
        both = before.keys() & new.idle.keys()
        return new._replace(idle={pair: why for pair, why in either.items() if pair in both or pair in doubted})
