"""Discovery beside the clock: a worker of its own proposes edges now and then, and ends when its time is over."""

from datasource.data import Matrix
from datasource.discovery import Proposal, find_method, prior_of_graph
from datasource.graph import CausalGraph
from datasource.service.background import Background
from datasource.service.jobs import Workers
from datasource.settings import Settings
from datasource.topology import Topology


def discovering(settings: Settings, workers: Workers) -> Background[Proposal]:
    """Off unless the settings turn it on."""
    asked = settings.graph.discover
    return Background(
        workers,
        asked.every if asked else None,
        "edges are being discovered",
        "edges could not be discovered",
        asked.time_budget if asked else 0.0,
        "graph.discover.time_budget",
    )


def discovery_job(settings: Settings, matrix: Matrix, graph: CausalGraph, topology: Topology) -> Proposal:
    """What the method of the settings says of the graph that the service works with. Raises ValueError."""
    asked = settings.graph.discover
    assert asked is not None
    return find_method(asked.method)(matrix, prior_of_graph(settings, matrix, topology, graph))
