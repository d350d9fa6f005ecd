"""What falsification of a causal graph is worth: false contradictions of true graphs, and rules that are missing.

python benchmarks/falsification.py [--runs 60]

First simulated series whose graph is known: how many tests and how many whole sets of data contradict the true graph,
and how often an edge that was taken out is found. Then a day of the demo's shop: which share of the implied
independences fails with the true graph, and without each of its rules. Last a thousand services.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import networkx as nx
import numpy as np

from benchmarks.discovery_data.shop import shop_matrix, shop_settings, shop_topology
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.discovery.falsification import Falsification, falsify
from datasource.graph import CausalGraph, Edge, Evidence, build_graph
from datasource.service.falsifying import falsification_job

RULES = ("load -> cpu", "load -> queue", "cpu -> latency", "queue -> latency", "latency -> failures", "disk -> latency")
STEP, DAY = 30, 2880
HOST = Entity("service", (("service", "host"),))


class Kind(NamedTuple):
    """Of simulated series: how much of a value is left a step later, the window in steps, and how many days."""

    memory: float
    window: int
    days: float


KINDS = (
    Kind(0.0, 1, 0.5),
    Kind(0.9, 1, 0.5),
    Kind(0.9, 4, 0.5),
    Kind(0.9, 4, 2.0),
    Kind(0.0, 10, 0.5),
    Kind(0.5, 10, 2.0),
)


def simulated(kind: Kind, seed: int) -> dict[str, Floats]:
    """Linear effects, noise with memory, a load with a day's cycle; each column is a rate over the window."""
    rng = np.random.default_rng(seed)
    rows, columns = int(kind.days * DAY) + kind.window, {}
    ways = nx.DiGraph([tuple(rule.split(" -> ")) for rule in RULES])
    for name in nx.lexicographical_topological_sort(ways):
        noise, shocks = np.zeros(rows), rng.normal(size=rows)
        for at in range(1, rows):
            noise[at] = kind.memory * noise[at - 1] + shocks[at]
        day = 10 * np.sin(2 * np.pi * np.arange(rows) / DAY) if name == "load" else 0.0
        columns[name] = noise + day + sum(0.8 * columns[cause] for cause in ways.predecessors(name))
    flat = np.ones(kind.window) / kind.window
    return {name: np.convolve(values, flat, "valid") for name, values in columns.items()}


def tested(columns: dict[str, Floats], rules: tuple[str, ...], window: int) -> Falsification:
    """The graph of the rules on the columns."""
    variables = tuple(Variable(HOST, name) for name in columns)
    edges = (Edge(*(Variable(HOST, end) for end in rule.split(" -> ")), 0, "", _by(rule)) for rule in rules)
    matrix = Matrix(variables, 0, STEP, np.array(list(columns.values())))
    return falsify(matrix, CausalGraph(variables, tuple(edges)), windows=dict.fromkeys(columns, window))


def _by(rule: str) -> tuple[Evidence, ...]:
    return (Evidence("template", rule),)


def print_simulated(runs: int) -> None:
    """False contradictions, and edges that were taken out and found."""
    print("memory window days   rows  false of tests  sets of data with one  doubted edges  missing edge found")
    for kind in KINDS:
        false = count = sets = doubted = seen = 0
        for seed in range(runs):
            columns = simulated(kind, seed)
            found = tested(columns, RULES, kind.window)
            false, count = false + len(found.contradictions), count + found.tested
            sets, doubted = sets + bool(found.contradictions), doubted + len(found.idle)
            out = RULES[seed % len(RULES)]
            without = tested(columns, tuple(rule for rule in RULES if rule != out), kind.window)
            pairs = {frozenset((one.variable.signal, one.effect.signal)) for one in without.contradictions}
            seen += frozenset(out.split(" -> ")) in pairs
        print(
            f"{kind.memory:6} {kind.window:6} {kind.days:4}  {found.rows:5}  {false:5} of {count:<5}  "
            f"{sets / runs:21.1%}  {doubted:13}  {seen / runs:18.1%}"
        )


def print_shop() -> None:
    """The demo's shop, with its graph and without each of its rules."""
    settings, matrix = shop_settings(), shop_matrix()
    matrix = matrix.between(matrix.end - DAY * STEP, matrix.end)
    topology = shop_topology()
    print(f"\n{'the demo, without the rule':66} {'fail of tests':>14} {'share':>7} {'shuffled':>9}")
    for out in (None, *settings.graph.templates):
        kept = tuple(rule for rule in settings.graph.templates if rule is not out)
        lacking = settings.model_copy(update={"graph": settings.graph.model_copy(update={"templates": kept})})
        found = falsification_job(lacking, matrix, build_graph(lacking, matrix.variables, topology).graph, topology)
        assert found.shuffled is not None
        failing = f"{len(found.contradictions)} of {found.tested}"
        share = len(found.contradictions) / found.tested
        print(f"{out or 'none'!s:66} {failing:>14} {share:7.1%} {found.shuffled.others[1]:9.0%}")


def print_large(services: int = 1000) -> None:
    """Seconds for so many services of five signals, each called by two others."""
    rng = np.random.default_rng(0)
    entities = [Entity("service", (("service", f"s{number}"),)) for number in range(services)]
    signals = ("requests", "cpu", "latency", "errors", "memory")
    variables = tuple(Variable(entity, signal) for entity in entities for signal in signals)
    edges, tied = [], {entity: set[Entity]() for entity in entities}
    for entity in entities:
        for cause, effect in (("requests", "cpu"), ("cpu", "latency"), ("requests", "errors")):
            edges.append(Edge(Variable(entity, cause), Variable(entity, effect), 0, "", _by(f"{cause} -> {effect}")))
    for server in range(1, services):
        for client in {int(one) for one in rng.integers(0, server, size=2)}:
            one, other = entities[client], entities[server]
            edges.append(Edge(Variable(one, "requests"), Variable(other, "requests"), 0, "calls", _by("down")))
            edges.append(Edge(Variable(other, "latency"), Variable(one, "latency"), 0, "calls", _by("up")))
            tied[one].add(other)
            tied[other].add(one)
    values = rng.normal(size=(len(variables), DAY)).cumsum(axis=1) * 0.05 + rng.normal(size=(len(variables), DAY))
    began = time.perf_counter()
    graph = CausalGraph(variables, tuple(edges))
    found = falsify(Matrix(variables, 0, STEP, values), graph, windows=dict.fromkeys(signals, 4), tied=tied)
    print(
        f"\n{services} services, {len(variables)} variables: {found.tested} tests, {time.perf_counter() - began:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=60)
    print_simulated(parser.parse_args().runs)
    print_shop()
    print_large()


if __name__ == "__main__":
    main()
