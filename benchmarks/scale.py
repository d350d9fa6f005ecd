"""A thousand services: cpu and memory of the graph, a full refit and one evaluation.

    python benchmarks/scale.py [--services 1000] [--workers 1] [--graph-only]

The graph is built from templates along the calls, as the service builds it. With several workers, as in
`evaluation.workers`, the fit's seconds are those of the clock, and its cpu that of all processes together.

Six signals a service (requests, busy, errors, latency, cpu, memory), a day of points every 30 s, two callees a service
and the causes that `init` writes. One of a hundred services is slow at the end, so that there are verdicts to reach.
"""

import argparse
import resource
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasource.anomaly import fit_mechanisms
from datasource.causes import judge
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import build_graph
from datasource.service.jobs import spread_over
from datasource.settings import parse_settings
from datasource.topology import EntityRelation, Topology

STEP, POINTS = 30, 2880
SETTINGS = parse_settings("""
prometheus: {url: 'http://prometheus:9090'}
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: q, window: 60s, role: load}
  busy: {entity: service, query: q, window: 60s, role: work}
  errors: {entity: service, query: q, window: 60s, role: failure}
  latency: {entity: service, query: q, window: 60s, role: latency}
  cpu: {entity: service, query: q, window: 60s, role: saturation}
  memory: {entity: service, query: q, window: 60s, role: saturation}
relations: {calls: {source: service_graph}}
graph:
  templates:
    - requests -> cpu
    - requests -> memory
    - requests -> errors
    - requests -> latency
    - requests -> busy
    - cpu -> latency
    - cpu -> busy
    - memory -> latency
    - memory -> busy
    - requests -> requests along calls from client to server
    - latency -> latency along calls from server to client
    - busy -> busy along calls from server to client
    - errors -> errors along calls from server to client
""")
SIGNALS = SETTINGS.signals
_GRAPH, _FIT, _EVALUATION, _GIGABYTES = 1.0, 45.0, 1.0, 1.5
_WHOSE = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN


def world(services: int) -> tuple[Matrix, Topology]:
    """A day of so many services."""
    rng = np.random.default_rng(1)
    entities = [Entity("service", (("service", f"s{i:04d}"),)) for i in range(services)]
    values = np.empty((services * len(SIGNALS), POINTS))
    day = 1 + 0.3 * np.sin(2 * np.pi * np.arange(POINTS) / POINTS)
    callees = [[j for j in rng.choice(services, 2, replace=False).tolist() if j > i] for i in range(services)]
    latency: dict[int, np.ndarray] = {}
    for i in reversed(range(services)):
        requests = 100 * day * np.exp(rng.normal(0, 0.1, POINTS))
        own = 0.05 + 1e-4 * requests + rng.normal(0, 0.004, POINTS)
        if i % 100 == 99:
            own[-10:] += 0.5
        latency[i] = own + sum(0.5 * latency[j] for j in callees[i])
        rows = {
            "requests": requests,
            "busy": requests * latency[i],
            "errors": rng.poisson(0.01 * requests * STEP) / STEP,
            "latency": latency[i],
            "cpu": 0.1 + 0.01 * requests + rng.normal(0, 0.05, POINTS),
            "memory": 1e8 + 1e4 * requests + rng.normal(0, 1e6, POINTS),
        }
        for number, name in enumerate(SIGNALS):
            values[i * len(SIGNALS) + number] = rows[name]
    ties = [
        EntityRelation("calls", (("client", entity), ("server", entities[j])))
        for i, entity in enumerate(entities)
        for j in callees[i]
    ]
    variables = tuple(Variable(entity, name) for entity in entities for name in SIGNALS)
    return Matrix(variables, 0, STEP, values), Topology(tuple(ties))


def cpu() -> float:
    """Seconds of this process and of its children that ended."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, _WHOSE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--graph-only", action="store_true")
    asked = parser.parse_args()
    matrix, topology = world(asked.services)
    roles = Roles(SIGNALS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = cpu()
    graph = build_graph(SETTINGS, matrix.variables, topology).graph
    built = cpu() - began
    print(f"{len(matrix.variables)} variables x {POINTS} points, {len(graph.edges)} edges")
    print(f"graph            {built:6.2f} s cpu (floor {_GRAPH:g})")
    if asked.graph_only:
        return
    began, clock = cpu(), time.monotonic()
    spread = partial(spread_over, asked.workers)
    mechanisms = fit_mechanisms(matrix, graph, roles, longest_lag=120, spread=spread)
    fitted, took = cpu() - began, time.monotonic() - clock
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = cpu()
    judgement = judge(matrix, mechanisms, roles, topology)
    judged = cpu() - began
    print(f"full refit       {fitted:6.1f} s cpu (floor {_FIT:g}), {took:.1f} s by {asked.workers}")
    print(f"                 {most:.2f} GB at most (floor {_GIGABYTES:g}), {before:.2f} GB of it before the fit")
    print(f"one evaluation   {judged:6.2f} s cpu (floor {_EVALUATION:g}), {len(judgement.verdicts)} verdicts")
    if built > _GRAPH or fitted > _FIT or judged > _EVALUATION or most > _GIGABYTES:
        print("a floor is missed")


if __name__ == "__main__":
    main()
