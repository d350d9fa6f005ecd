"""The demo's shop as discovery sees it: its settings, its measurements, and who calls whom."""

from functools import cache
from pathlib import Path

import numpy as np

from datasource import demo
from datasource.data import Entity, Matrix, Variable, encode_events
from datasource.demo.series import SERIES
from datasource.demo.services import CALLS, PLACE, SERVICES
from datasource.demo.shop import Shop
from datasource.discovery import Prior, prior_of_graph
from datasource.graph import build_graph
from datasource.settings import Relation, Rule, Settings, load_settings
from datasource.settings.model import Graph
from datasource.topology import Topology, read_topology

START = 1_700_000_010 - 1_700_000_010 % 30


@cache
def shop_settings() -> Settings:
    """The demo's settings; who calls whom is a list."""
    loaded = load_settings(Path(demo.__file__).with_name("settings.yaml")).settings
    shown = [f"{one.namespace}/{one.name}" for one in SERVICES]
    pairs = tuple(Rule(shown[PLACE[call.client]], shown[PLACE[call.server]]) for call in CALLS)
    queues = tuple(pair for pair, call in zip(pairs, CALLS, strict=True) if call.queue)
    return loaded.model_copy(update={"relations": {"calls": Relation(source="list", pairs=pairs, asynchronous=queues)}})


@cache
def shop_matrix(seed: int = 1, steps: int = 5760) -> Matrix:
    """Two days of the shop."""
    settings = shop_settings()
    by_query = {signal.query: (name, signal) for name, signal in settings.signals.items()}
    values = np.array([step.values for step in Shop(seed).history(steps)]).T
    variables = []
    for one in SERIES:
        name, signal = by_query[one.name]
        labels = dict(one.labels)
        own = tuple((label, labels[label]) for label in settings.entities[signal.entity].labels)
        variables.append(Variable(Entity(signal.entity, own), name))
    return encode_events(Matrix(tuple(variables), START, 30, values), settings.signals)


def shop_topology() -> Topology:
    """Who calls whom."""
    matrix = shop_matrix()
    return read_topology(shop_settings(), None, {one.entity for one in matrix.variables}, matrix.start, matrix.end)


def shop_prior(graph: Graph | None = None, seed: int = 1) -> Prior:
    """What is known where the expert wrote this graph, the demo's own without one."""
    settings = shop_settings()
    settings = settings.model_copy(update={"graph": graph or settings.graph})
    matrix, topology = shop_matrix(seed), shop_topology()
    return prior_of_graph(settings, matrix, topology, build_graph(settings, matrix.variables, topology).graph)
