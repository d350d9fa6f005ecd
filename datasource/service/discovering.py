"""Discovery beside the clock: a worker of its own proposes edges now and then, and ends when its time is over."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path

from datasource.data import Entity, Matrix
from datasource.discovery import Proposal, find_method, prior_of_graph
from datasource.discovery.neighbourhoods import discover
from datasource.graph import CausalGraph
from datasource.service.background import Background
from datasource.service.jobs import Workers, spread_over
from datasource.settings import Settings
from datasource.topology import Topology

_SHARE = 0.9
"""Of the time budget, after which nothing more is begun: the rest is for what is under way, and for bringing it."""


class Discovering(Background[Proposal]):
    """The discovery that is under way, and what was found last; off unless the settings turn it on."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        asked = settings.graph.discover
        super().__init__(
            workers,
            asked.every if asked else None,
            "edges are being discovered",
            "edges could not be discovered",
            asked.time_budget if asked else 0.0,
            "graph.discover.time_budget",
        )
        self._progress = Progress() if asked else None

    def ask(self, now: int, settings: Settings, matrix: Matrix, graph: CausalGraph, topology: Topology) -> None:
        """Begin where it is due, with those for whom there was no time before."""
        first = self.found.unseen if self.found else ()
        if self._progress and self._job is None:
            self._progress.clear()
        path = self._progress.path if self._progress else None
        asked = settings.graph.discover
        until = time.monotonic() + _SHARE * asked.time_budget if asked else inf
        self.begin(now, discovery_job, settings, matrix, graph, topology, until, first, path)

    @property
    def _far(self) -> str:
        far = self._progress.told() if self._progress else ""
        return f", {far}" if far else ""

    def _steadied(self, new: Proposal) -> Proposal:
        """With the edges found before into those for whom there was no time now."""
        return new.with_earlier(self.found) if self.found else new


class Progress:
    """How far a job in other processes is, counted in a file to which they append a line for each part."""

    def __init__(self) -> None:
        self.path: Path | None = None
        with suppress(OSError):  # without a folder to write to it is not told
            self._file = tempfile.NamedTemporaryFile(prefix="causal-progress-")  # noqa: SIM115 - it goes with this
            self.path = Path(self._file.name)

    def told(self) -> str:
        """In words, as "312 of 1000 entities looked at"; empty before the first."""
        lines = self.path.read_bytes().split() if self.path and self.path.exists() else []
        return f"{len(lines)} of {int(lines[-1])} entities looked at" if lines else ""

    def clear(self) -> None:
        """Begin to count anew."""
        if self.path:
            self._file.truncate(0)


def count(path: Path, of: int) -> None:
    """One more of so many is done."""
    with suppress(OSError), path.open("ab") as file:
        file.write(b"%d\n" % of)


def discovery_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    topology: Topology,
    until: float = inf,
    first: Sequence[Entity] = (),
    progress: Path | None = None,
) -> Proposal:
    """What the method of the settings says of the graph that the service works with.

    Nothing is begun after `until`, by the monotonic clock of this machine, which all its processes share: the time that
    a worker takes to start counts. It begins with the entities `first`, and counts those that it has looked at in a
    file. Raises ValueError.
    """
    asked = settings.graph.discover
    assert asked is not None
    return discover(
        find_method(asked.method),
        matrix,
        lambda part: prior_of_graph(settings, part, topology, graph),
        topology,
        graph.edges,
        spread=partial(spread_over, settings.evaluation.processes),
        seconds=until - time.monotonic(),
        begin_with=first,
        progress=partial(count, progress) if progress else None,
    )
