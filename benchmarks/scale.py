"""A thousand services: cpu and memory of a full refit and of one evaluation.

    python benchmarks/scale.py [--services 1000]

Six signals a service (requests, busy, errors, latency, cpu, memory), a day of points every 30 s, two callees a service
and the causes that `init` writes. One of a hundred services is slow at the end, so that there are verdicts to reach.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datasource.anomaly import Roles, fit_mechanisms, judge
from datasource.graph import CausalGraph, Edge
from datasource.settings import Signal
from datasource.telemetry import Entity, Matrix, Variable
from datasource.topology import Tie, Topology

STEP, POINTS = 30, 2880
ROLES = {"requests": "load", "busy": "work", "errors": "failure", "latency": "latency"}
ROLES |= {"cpu": "saturation", "memory": "saturation"}
SIGNALS = {
    name: Signal.model_validate({"entity": "service", "query": "q", "window": 60, "role": role})
    for name, role in ROLES.items()
}
_WITHIN = (
    ("requests", "cpu"), ("requests", "memory"), ("requests", "errors"), ("requests", "latency"), ("requests", "busy"),
    ("cpu", "latency"), ("cpu", "busy"), ("memory", "latency"), ("memory", "busy"),
)  # fmt: skip
_FIT, _EVALUATION, _GIGABYTES = 45.0, 1.0, 1.5


def world(services: int) -> tuple[Matrix, CausalGraph, Topology]:
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
    edges, ties = [], []
    for i, entity in enumerate(entities):
        edges += [Edge(Variable(entity, a), Variable(entity, b), 0) for a, b in _WITHIN]
        for j in callees[i]:
            callee = entities[j]
            ties.append(Tie("calls", (("client", entity), ("server", callee))))
            edges += [Edge(Variable(callee, n), Variable(entity, n), 0, "calls") for n in ("latency", "busy", "errors")]
            edges.append(Edge(Variable(entity, "requests"), Variable(callee, "requests"), 0, "calls"))
    variables = tuple(Variable(entity, name) for entity in entities for name in SIGNALS)
    return Matrix(variables, 0, STEP, values), CausalGraph(variables, tuple(edges)), Topology(tuple(ties))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    matrix, graph, topology = world(parser.parse_args().services)
    roles = Roles(SIGNALS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = time.process_time()
    mechanisms = fit_mechanisms(matrix, graph, roles, longest_lag=120)
    fitted = time.process_time() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    began = time.process_time()
    judgement = judge(matrix, mechanisms, roles, topology)
    judged = time.process_time() - began
    print(f"{len(matrix.variables)} variables x {POINTS} points, {len(graph.edges)} edges")
    print(f"full refit       {fitted:6.1f} s cpu (floor {_FIT:g}), {most:.2f} GB at most (floor {_GIGABYTES:g};")
    print(f"                 {before:.2f} GB of it before the fit)")
    print(f"one evaluation   {judged:6.2f} s cpu (floor {_EVALUATION:g}), {len(judgement.verdicts)} verdicts")
    if fitted > _FIT or judged > _EVALUATION or most > _GIGABYTES:
        print("a floor is missed")


if __name__ == "__main__":
    main()
