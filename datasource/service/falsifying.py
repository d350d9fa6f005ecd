"""Falsification beside the clock: in the worker of effects, what the graph implies is tested on what was read."""

from collections.abc import Mapping
from math import ceil

from datasource.data import Entity, Matrix
from datasource.discovery.falsification import Falsification, falsify
from datasource.discovery.implied import measured_twice
from datasource.discovery.prior import Pair
from datasource.graph import CausalGraph
from datasource.service.background import Background
from datasource.service.jobs import Workers
from datasource.settings import Settings
from datasource.topology import Topology


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


class Falsifying(Background[Falsification]):
    """The falsification that is under way, and what was found last; off unless the settings turn it on."""

    def __init__(self, settings: Settings, workers: Workers) -> None:
        asked = settings.graph.falsify
        super().__init__(
            workers, asked.every if asked else None, "the graph is being tested", "the graph could not be tested"
        )
        self._idle: Mapping[Pair, str] | None = None
        """What the last test alone found idle."""

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
