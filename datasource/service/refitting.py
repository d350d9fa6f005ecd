"""Mechanisms are fitted anew in a worker process, while judging goes on with those that are there."""

import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from datasource.anomaly import Accepted, LeftOut, Mechanisms
from datasource.data import Matrix
from datasource.graph import BuiltGraph, CausalGraph
from datasource.service.jobs import Workers, fit_job
from datasource.settings import Settings
from datasource.topology import Topology

_TIMEOUT = 600.0


class Fitted(NamedTuple):
    """Mechanisms, the graph and topology of the settings, and what of that graph they were fitted for."""

    mechanisms: Mechanisms
    built: BuiltGraph
    used: CausalGraph
    topology: Topology


class Refitting:
    """At most one fit at a time."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        self._settings = settings
        self._workers = workers
        self._job: Future[Mechanisms] | None = None
        self._for: tuple[BuiltGraph, CausalGraph, Topology]
        self._since = 0.0

    @property
    def under_way(self) -> bool:
        """Whether a fit has begun whose result was not collected yet."""
        return self._job is not None

    def begin(
        self,
        matrix: Matrix,
        built: BuiltGraph,
        used: CausalGraph,
        topology: Topology,
        older: Matrix,
        left_out: Sequence[LeftOut],
        accepted: Sequence[Accepted] = (),
    ) -> None:
        """Start to fit, with the edges that are `used`. Raises BrokenProcessPool when there is no worker to be had."""
        self._since = time.monotonic()
        self._for = built, used, topology
        self._job = self._workers.submit(fit_job, self._settings, matrix, used, older, left_out, accepted)

    def collect(self, *, wait: bool = False) -> Fitted | None:
        """The result once it is there; None while there is none. With `wait` it is waited for.

        Raises what the fit raised, TimeoutError when it takes more than ten minutes, BrokenProcessPool when the worker
        was lost; the next fit may begin after that.
        """
        if self._job is None:
            return None
        left = _TIMEOUT - (time.monotonic() - self._since)
        if not (wait or self._job.done() or left <= 0):
            return None
        job, self._job = self._job, None
        try:
            return Fitted(job.result(max(left, 0.0)), *self._for)
        except BrokenProcessPool:
            raise BrokenProcessPool("the worker process that fits was lost, perhaps for want of memory") from None
        except TimeoutError:
            self._workers.stop()
            raise TimeoutError(
                f"the fit took more than {_TIMEOUT:.0f} s; measure fewer variables, or a shorter baseline"
            ) from None
