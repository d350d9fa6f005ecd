"""Causal discovery on simulated data whose graphs are known: every method here beside causal-learn and lingam.

python benchmarks/discovery.py [random] [microservices] [large] [systems] [repair] [--seeds N] [--sizes 10,30,100]
    [--services 1000] [--workers 2]

`random`: linear and nonlinear models of independent rows. `microservices`: services with autocorrelation, a day,
rolling windows and a load that nobody measures. `large`: so many of them at once, split along the calls. `systems`:
wide files of monitored systems, by their names alone. `repair`: the demo's graph with three edges wrong and three
missing. Peers that are not installed (lingam) are named.
Exit code 1 when a floor is missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.discovery_data.microservices import Services, simulate_services
from benchmarks.discovery_data.peers import PEERS, absent_peers
from benchmarks.discovery_data.random_models import random_model
from benchmarks.discovery_data.shop import shop_matrix, shop_prior, shop_settings
from benchmarks.discovery_data.systems import SYSTEMS, simulate_system
from datasource.data import Entity, Matrix, Variable
from datasource.discovery import METHODS, Prior, Proposal, absent_methods, find_method
from datasource.discovery.neighbourhoods import discover as split
from datasource.library.discovering import discover
from datasource.service.jobs import spread_over
from datasource.settings.rules import parse_rule

Edges = set[tuple[str, str]]
SLOW = ("causal-learn GES", "lingam's", "VARLiNGAM")
"""Peers that take minutes where there are more than 30 variables."""
PEER_TIME = 100.0
"""Times that PC here must be faster than causal-learn's at 100 variables."""
LARGE_TIME = 600.0
"""Seconds of cpu for each worker in which the services of `large` must be learnt: others may share the machine."""


class Score(NamedTuple):
    """F1 of the skeleton and of the directions, structural Hamming distance, seconds."""

    skeleton: float
    direction: float
    distance: float
    seconds: float


def score(oriented: Edges, undirected: Edges, truth: Edges, seconds: float) -> Score:
    """An undirected pair counts for the skeleton alone."""
    pairs = {frozenset(edge) for edge in oriented | undirected}
    true_pairs = {frozenset(edge) for edge in truth}
    wrong_way = sum(edge not in truth and frozenset(edge) in true_pairs for edge in oriented | undirected)
    return Score(
        _f1(len(pairs & true_pairs), len(pairs), len(true_pairs)),
        _f1(len(oriented & truth), len(oriented), len(truth)),
        len(pairs ^ true_pairs) + wrong_way,
        seconds,
    )


def _f1(hits: int, found: int, true: int) -> float:
    return 2 * hits / (found + true) if found + true else 1.0


def of_proposal(found: Proposal, names: Callable[[Variable], str] = str) -> tuple[Edges, Edges]:
    """Oriented and undirected edges by name, whatever their lag."""
    oriented = {(names(edge.cause), names(edge.effect)) for edge in found.edges if edge.oriented}
    return oriented, {(names(edge.cause), names(edge.effect)) for edge in found.edges if not edge.oriented} - oriented


def judged(run: Callable[[], tuple[Edges, Edges]], truth: Edges) -> Score:
    began = time.perf_counter()
    oriented, undirected = run()
    return score(oriented, undirected, truth, time.perf_counter() - began)


def show(title: str, rows: dict[str, list[Score]]) -> None:
    print(f"\n{title}\n  {'':16} skeleton F1  direction F1    SHD  seconds")
    for name, scores in rows.items():
        mean = np.mean(scores, axis=0)
        print(f"  {name:16} {mean[0]:11.2f}  {mean[1]:12.2f}  {mean[2]:5.1f}  {mean[3]:7.3f}")


def ours(method: str, matrix: Matrix, prior: Prior) -> Callable[[], tuple[Edges, Edges]]:
    return lambda: of_proposal(find_method(method)(matrix, prior))


def available(*left_out: str) -> list[str]:
    return [name for name in METHODS if name not in absent_methods() and name not in left_out]


def random_models(seeds: Iterable[int], sizes: Iterable[int]) -> list[str]:
    """Independent rows of linear and nonlinear models."""
    failed: list[str] = []
    values, _ = random_model(5, 100, 0)
    variables = tuple(Variable(Entity("all", ()), f"x{place}") for place in range(5))
    find_method("pc")(Matrix(variables, 0, 1, values.T), Prior(variables))  # what is imported once
    PEERS["causal-learn PC"](values)
    for size in sizes:
        for bent in (False, True):
            rows: dict[str, list[Score]] = {}
            for seed in seeds:
                values, graph = random_model(size, 1000, seed, bent)
                variables = tuple(Variable(Entity("all", ()), f"x{place}") for place in range(size))
                matrix = Matrix(variables, 0, 1, values.T)
                truth = {(f"x{cause}", f"x{effect}") for cause, effect in np.argwhere(graph)}
                slow = (
                    ("notears", "dynotears", "graph_neural", "tigramite", "lagged_pc")
                    if size > 30
                    else ("dynotears", "tigramite", "lagged_pc")
                )
                for name in available(*slow):
                    rows.setdefault(name, []).append(judged(ours(name, matrix, Prior(variables)), truth))
                for name, peer in PEERS.items():
                    if name not in absent_peers() and (size <= 30 or name not in SLOW):
                        rows.setdefault(name, []).append(judged(partial(peer, values), truth))
            show(f"{size} variables, {'nonlinear' if bent else 'linear'}, 1,000 rows", rows)
            mine, theirs = (np.mean(rows[name], axis=0) for name in ("pc", "causal-learn PC"))
            if mine[0] < theirs[0] - 1e-9:
                failed.append(f"pc's skeleton is behind causal-learn's at {size} variables")
            if size >= 100 and theirs[3] < PEER_TIME * mine[3]:
                failed.append(f"pc takes more than a hundredth of causal-learn's time at {size} variables")
    return failed


def microservices(seeds: Iterable[int]) -> list[str]:
    """Services with autocorrelation, a day, windows and a hidden load."""
    rows: dict[str, list[Score]] = {}
    for seed in seeds:
        world: Services = simulate_services(seed)
        blind = Prior(world.matrix.variables)
        for name in available("tigramite", "notears", "dynotears", "graph_neural"):
            prior = world.prior(world.matrix) if name == "hybrid" else blind
            rows.setdefault(name, []).append(judged(ours(name, world.matrix, prior), world.truth))
        names = [str(variable) for variable in world.matrix.variables]
        for name, peer in PEERS.items():
            if name not in absent_peers() and name not in SLOW[:2]:
                run = partial(peer, world.matrix.values.T, names)
                rows.setdefault(name, []).append(judged(run, world.truth))
    show("Microservices; hybrid knows the calls and the roles, the others nothing", rows)
    means = {name: float(np.mean([one.direction for one in scores])) for name, scores in rows.items()}
    best = max(means, key=lambda name: means[name])
    failed = [f"{best} is ahead of hybrid on microservices"] if best != "hybrid" else []
    return failed + (["hybrid's directions on microservices are below .85"] if means["hybrid"] < 0.85 else [])


def large(services: int, workers: int) -> list[str]:
    """Many services, split along their calls, on several processes."""
    world = simulate_services(0, services)
    found: list[Proposal] = []

    def run() -> tuple[Edges, Edges]:
        spread = partial(spread_over, workers)
        found.append(split(find_method("hybrid"), world.matrix, world.prior, world.topology, spread=spread))
        return of_proposal(found[0])

    began = os.times()
    scored = judged(run, world.truth)
    spent = sum(np.subtract(os.times()[:4], began[:4]))
    show(
        f"{services} microservices, {len(world.matrix.variables):,} variables, {len(world.truth):,} true edges, "
        f"{workers} workers, {spent:.0f} s of cpu",
        {"hybrid": [scored]},
    )
    print("\n".join(f"  {notice}" for notice in found[0].notices))
    failed = [f"{services} services take more than ten minutes of cpu a worker"] if spent / workers > LARGE_TIME else []
    return failed + (["hybrid's directions on many microservices are below .85"] if scored.direction < 0.85 else [])


def systems(seeds: Iterable[int]) -> list[str]:
    """Wide files with nothing but names, easy and hard, and with names that say nothing."""
    for title, plain, hard in (
        ("Wide files of ten systems", False, False),
        ("The same, called x1, x2, ...", True, False),
        ("Hard ones: weak effects, something unmeasured, seldom sampled", False, True),
        ("Hard ones called x1, x2, ...", True, True),
    ):
        rows: dict[str, list[Score]] = {}
        for name in SYSTEMS:
            for seed in seeds:
                system = simulate_system(name, seed, plain, hard)
                columns = [column for column in system.table.columns if column != "timestamp"]
                every = {(one, other) for one in columns for other in columns if one != other}
                rows.setdefault("all edges", []).append(score(every, set(), set(system.truth), 0.0))
                for method in ("hybrid", "pc", "lagged_pc", "lingam"):

                    def run(system=system, method=method) -> tuple[Edges, Edges]:
                        found = discover(system.table, method=method)
                        return of_proposal(found.proposal, lambda variable: found.names[variable])

                    rows.setdefault(method, []).append(judged(run, set(system.truth)))
        show(title, rows)
    return []


WRONG = ("restarts -> cpu", "cpu -> errors", "latency -> errors")
MISSING = ("requests -> cpu", "cpu -> latency", "latency -> latency along calls from server to client")


def repair(seeds: Iterable[int]) -> list[str]:
    """The demo's graph with three wrong and three missing rules."""
    failed: list[str] = []
    print("\nThe demo's graph, three rules wrong and three missing")
    graph = shop_settings().graph
    kept = tuple(rule for rule in graph.templates if str(rule) not in MISSING)
    broken = graph.model_copy(update={"templates": (*kept, *map(parse_rule, WRONG))})
    expected = {(rule.cause, rule.effect) for rule in map(parse_rule, MISSING)}
    for seed in seeds:
        matrix, prior = shop_matrix(seed + 1), shop_prior(broken, seed + 1)
        began = time.perf_counter()
        found = find_method("hybrid")(matrix, prior)
        seconds = time.perf_counter() - began
        proposed = {(edge.cause.signal, edge.effect.signal) for edge in found.proposed}
        doubtful = {one.by for edge in found.doubtful for one in edge.evidence if one.kind == "expert"}
        right = proposed == expected and doubtful == set(WRONG) and seconds < 60
        print(
            f"  shop {seed + 1}: {len(proposed & expected)} of 3 proposed, {len(doubtful & set(WRONG))} of 3 doubtful, "
            f"{len(proposed - expected) + len(doubtful - set(WRONG))} others touched, {seconds:.1f} s"
        )
        failed += [] if right else [f"the demo's graph is not repaired (shop {seed + 1})"]
    return failed


def main() -> int:
    """Simulate, discover, print; 1 when a floor is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("random", "microservices", "large", "systems", "repair")
    arguments.add_argument("parts", nargs="*", help=f"of {', '.join(parts)}; all without any")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--first", type=int, default=0, help="the first seed")
    arguments.add_argument("--sizes", default="10,30,100", help="variables of random models")
    arguments.add_argument("--services", type=int, default=1000, help="of the part `large`")
    arguments.add_argument("--workers", type=int, default=2, help="processes of the part `large`")
    chosen = arguments.parse_args()
    if unknown := [one for one in chosen.parts if one not in parts]:
        arguments.error(f"'{unknown[0]}' is no part; there are {', '.join(parts)}")
    seeds, failed = range(chosen.first, chosen.first + chosen.seeds), []
    for name, package in {**absent_peers(), **absent_methods()}.items():
        print(f"{name} is absent: pip install {package}")
    wanted = chosen.parts or parts
    if "random" in wanted:
        failed += random_models(seeds, map(int, chosen.sizes.split(",")))
    if "microservices" in wanted:
        failed += microservices(seeds)
    if "large" in wanted:
        failed += large(chosen.services, chosen.workers)
    if "systems" in wanted:
        failed += systems(seeds)
    if "repair" in wanted:
        failed += repair(seeds)
    print("\n" + ("; ".join(failed) if failed else "Every floor holds"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
