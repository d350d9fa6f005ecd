"""Simulated microservices with a true graph: a few services that call each other, each with five signals.

Demand has a day and memory; a load that nobody measures takes cpu on all of them; effects come at once or a step later;
signals are means over windows of one to three steps.
"""

from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Matrix, Variable
from datasource.discovery import Prior, prior_of_graph
from datasource.graph import CausalGraph
from datasource.settings import Settings, parse_settings
from datasource.topology import EntityRelation, Topology

SERVICES = 6
TIMES = 2880
_SETTINGS = """
prometheus: {url: 'http://none'}
step: 30s
entities:
  service: {labels: [service]}
signals:
  requests: {entity: service, query: a, window: 30s, role: load}
  cpu: {entity: service, query: b, window: 30s, role: saturation}
  queue: {entity: service, query: c, window: 30s, role: saturation}
  latency: {entity: service, query: d, window: 30s, role: latency}
  errors: {entity: service, query: e, window: 30s, role: failure}
relations:
  calls: {source: list, pairs: ['a -> b']}
"""


class Services(NamedTuple):
    """Measurements, the true edges between variables by name, who calls whom, and what else settings would say."""

    matrix: Matrix
    truth: set[tuple[str, str]]
    topology: Topology
    settings: Settings

    def prior(self, matrix: Matrix) -> Prior:
        """What roles and calls tell of some of the variables before any data."""
        return prior_of_graph(self.settings, matrix, self.topology, CausalGraph((), ()))


def simulate_services(seed: int, services: int = SERVICES) -> Services:
    """One installation."""
    rng = np.random.default_rng(seed)
    names = [f"s{place}" for place in range(services)]
    calls = [(int(rng.integers(0, place)), place) for place in range(1, services)]
    tree = set(calls)
    extra = [(a, b) for a in range(services) for b in range(a + 1, services) if (a, b) not in tree]
    calls += [extra[k] for k in rng.choice(len(extra), size=max(2, services // 3), replace=False)]
    values: dict[str, np.ndarray] = {}
    truth: set[tuple[str, str]] = set()
    day = 1 + 0.4 * np.sin(2 * np.pi * np.arange(TIMES) / 1440)
    hidden = _memory(rng, 0.9)

    def add(name: str, causes: dict[str, float], noise: float, memory: float) -> None:
        total = noise * _memory(rng, memory)
        for cause, weight in causes.items():
            moved = values[cause]
            lag = int(rng.random() < 0.3)
            moved = np.concatenate([moved[:lag], moved[: TIMES - lag]])
            total = total + weight * moved / moved.std()
            truth.add((cause, name))
        values[name] = total

    values["s0.requests"] = 3 * day + _memory(rng, 0.8)
    for place, name in enumerate(names):
        callers = [names[a] for a, b in calls if b == place]
        if place:
            add(f"{name}.requests", {f"{one}.requests": rng.uniform(0.7, 1.3) for one in callers}, 0.4, 0.5)
        add(f"{name}.cpu", {f"{name}.requests": rng.uniform(0.7, 1.3)}, 0.5, 0.6)
        values[f"{name}.cpu"] = values[f"{name}.cpu"] + 0.3 * hidden
        add(f"{name}.queue", {f"{name}.requests": rng.uniform(0.5, 1.0)}, 0.6, 0.6)
    for place in reversed(range(services)):
        name, callees = names[place], [names[b] for a, b in calls if a == place]
        own = {f"{name}.cpu": rng.uniform(0.5, 1.0), f"{name}.queue": rng.uniform(0.5, 1.0)}
        add(f"{name}.latency", own | {f"{one}.latency": rng.uniform(0.5, 1.0) for one in callees}, 0.5, 0.5)
        causes = {f"{name}.latency": rng.uniform(0.5, 1.0)}
        add(f"{name}.errors", causes | {f"{one}.errors": rng.uniform(0.5, 1.0) for one in callees}, 0.6, 0.3)
    variables, rows = [], []
    for shown in sorted(values):
        service, signal = shown.split(".")
        window = int(rng.integers(1, 4))
        rows.append(np.convolve(values[shown], np.ones(window) / window)[:TIMES])
        variables.append(Variable(Entity("service", (("service", service),)), signal))
    matrix = Matrix(tuple(variables), 0, 30, np.array(rows))
    return Services(matrix, truth, _topology([(names[a], names[b]) for a, b in calls]), parse_settings(_SETTINGS))


def _topology(calls: list[tuple[str, str]]) -> Topology:
    def entity(name: str) -> Entity:
        return Entity("service", (("service", name),))

    return Topology(tuple(EntityRelation("calls", (("client", entity(a)), ("server", entity(b)))) for a, b in calls))


def _memory(rng: np.random.Generator, memory: float) -> np.ndarray:
    found, value = np.empty(TIMES), 0.0
    for place, shock in enumerate(rng.normal(size=TIMES) * np.sqrt(1 - memory**2)):
        value = memory * value + shock
        found[place] = value
    return found
