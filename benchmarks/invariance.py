"""Environments: how often something is said where nothing is, how often what is there is found, and joined intervals.

python benchmarks/invariance.py [shift] [parents] [installation] [federation] [noise] [--runs 200]

Autoregressions of 800 points in each environment unless something else stands there; every level asked for is 5%.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from datasource.data import Entity, Environment, Floats, Matrix, Roles, Variable
from datasource.demo.three_shops import smooth
from datasource.federation import Block, Question, Site, join_effect
from datasource.federation.join import Ask
from datasource.federation.offer import noisy
from datasource.graph import CausalGraph, Edge
from datasource.invariance import Cause, Rows, analyse, invariant_parents, shifts
from datasource.invariance import Question as SameEverywhere
from datasource.numerics import least_squares
from datasource.numerics.moment_sums import moment_sums
from datasource.settings import Signal

HOST = Entity("host", (("host", "web"),))
MOVED = 2.0


def environment(
    rng: np.random.Generator, memory: float, moved: float = 1.0, slope: float = 1.0, noise: float = 1.0,
    level: float = 0.0, curve: float = 0.0, n: int = 800,
) -> Floats:  # fmt: skip
    """y, its causes x1 and x2, its effect, and one apart (n, 5); `moved` says how far the environment is from usual."""
    x1 = moved * smooth(n, rng, memory) + (moved - 1)
    x2 = 0.7 * x1 + moved * smooth(n, rng, memory)
    y = slope * x1 + x2 + curve * x1**2 + level + noise * smooth(n, rng, memory)
    return np.column_stack([y, x1, x2, y + moved * smooth(n, rng, memory), smooth(n, rng, memory)])


def asked(columns: Sequence[Floats], parallel: bool, causes: int) -> SameEverywhere:
    """Whether the mechanism of y is the same in these environments."""
    rows, first = [], 0
    for number, one in enumerate(columns):
        places = np.arange(len(one), dtype=np.int64) + (0 if parallel else first)
        first += len(one)
        rows.append(Rows(Environment((), str(number)), Variable(HOST, "y"), one[:, : 1 + causes], places))
    named = tuple(Cause(Variable(HOST, name)) for name in ("x1", "x2", "effect", "apart")[:causes])
    return SameEverywhere(Variable(HOST, "y"), named, tuple(rows), parallel, levels=not parallel)


def shift(runs: int) -> None:
    """The mechanism-shift score of two environments."""
    print(f"\nA mechanism told to be another one, of {runs} runs")
    print(f"  {'environments':<12} {'memory':>6} {'what changed':<12} {'slopes':>7} {'level':>7} {'noise':>7}")
    changes: dict[str, dict[str, float]] = {
        "nothing": {},
        "slope x 1.5": {"slope": 1.5},
        "level + 1.5": {"level": 1.5},
        "noise x 1.5": {"noise": 1.5},
    }
    for parallel in (True, False):
        for memory in (0.0, 0.9, 0.97):
            for name, change in changes.items():
                told: dict[str, list[bool]] = {"slopes": [], "level": [], "noise": []}
                for seed in range(runs):
                    rng = np.random.default_rng(seed)
                    columns = environment(rng, memory), environment(rng, memory, 1.5, **change)
                    for one in shifts(asked(columns, parallel, 2), 0.05).mechanisms:
                        if one.environment.period == "1":
                            told[one.part].append(one.score > 1)
                shares = "".join(f" {np.mean(each):>7.3f}" if each else f" {'':>7}" for each in told.values())
                print(f"  {'parallel' if parallel else 'successive':<12} {memory:>6} {name:<12}{shares}", flush=True)


def parents(runs: int) -> None:
    """Which causes are named, beside those that a regression over all rows finds significant."""
    print(f"\nCauses named, of {runs} runs: two causes, an effect and one apart are candidates")
    print(f"  {'method':<34} {'environments':<12} {'wrong':>7} {'found':>7} {'none holds':>10}")
    for curve in (0.0, 0.5):
        for parallel in (True, False):
            for nonlinear in (False, True):
                wrong, found, none = [], [], []
                for seed in range(runs):
                    rng = np.random.default_rng(seed)
                    columns = environment(rng, 0.9, curve=curve), environment(rng, 0.9, MOVED, curve=curve)
                    one = invariant_parents(asked(columns, parallel, 4), 0.05, nonlinear)
                    named = {cause.variable.signal for cause in one.parents}
                    wrong.append(bool(named - {"x1", "x2"}))
                    found.append(len(named & {"x1", "x2"}) / 2)
                    none.append(not one.sets)
                name = f"invariance, {'curves' if nonlinear else 'lines'}{' of a curve' if curve else ''}"
                where = "parallel" if parallel else "successive"
                shares = f"{np.mean(wrong):>7.3f} {np.mean(found):>7.3f} {np.mean(none):>10.3f}"
                print(f"  {name:<34} {where:<12} {shares}", flush=True)
    wrong, found = [], []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        rows = np.vstack([environment(rng, 0.9), environment(rng, 0.9, MOVED)])
        fit = least_squares(rows[:, 0], rows[:, 1:])
        errors = np.sqrt((fit.weights**2).sum(axis=0) * (fit.residuals**2).mean())
        significant = np.abs(fit.coefficients / errors)[1:] > 1.96
        wrong.append(bool(significant[2:].any()))
        found.append(significant[:2].mean())
    print(f"  {'significant in a regression':<34} {'':<12} {np.mean(wrong):>7.3f} {np.mean(found):>7.3f}")


def installation(runs: int) -> None:
    """Everything at once: ten services in three clusters, 30 mechanisms, found changes included."""
    signals = {name: Signal(entity="service", query=name, window=60.0) for name in ("requests", "cpu", "latency")}
    runs = max(runs // 4, 20)
    began, anything, named, others = time.perf_counter(), [], [], []
    for seed in range(runs):
        for broken in (False, True):
            matrix, graph = installed(seed, broken)
            found = analyse(matrix, graph, Roles(signals), ("cluster",), (), True, 0.05)
            if broken:
                places = {(str(one.edge.effect.entity), one.edge.cause.signal) for one in found.broken}
                named.append(("us/s0", "cpu") in places)
                others.append(bool(places - {("us/s0", "cpu")}))
            else:
                anything.append(bool(found.shifted or found.broken))
    print(f"\nTen services in three clusters, 1,440 points, of {runs} runs")
    print(f"  anything said where every mechanism is the same everywhere  {np.mean(anything):.3f}")
    print(f"  the edge named that breaks in one cluster                   {np.mean(named):.3f}")
    print(f"  another edge said to break                                  {np.mean(others):.3f}")
    print(
        f"  seconds for all mechanisms                                  {(time.perf_counter() - began) / runs / 2:.2f}"
    )


def installed(seed: int, broken: bool, n: int = 1440) -> tuple[Matrix, CausalGraph]:
    """requests -> cpu -> latency <- requests in each service; in us/s0 cpu does not move latency, where `broken`."""
    rng = np.random.default_rng(seed)
    rows: dict[Variable, Floats] = {}
    edges = []
    for cluster, load in (("eu", 1.0), ("us", 1.5), ("ap", 0.8)):
        for number in range(10):
            entity = Entity("service", (("cluster", cluster), ("service", f"s{number}")))
            requests = 40 + 10 * load * smooth(n, rng, 0.9)
            cpu = 0.02 * requests + 0.2 * smooth(n, rng, 0.8)
            slope = 0.0 if broken and (cluster, number) == ("us", 0) else 0.5
            latency = slope * cpu + 0.02 * requests + 0.1 * smooth(n, rng, 0.8)
            own = [Variable(entity, name) for name in ("requests", "cpu", "latency")]
            rows |= dict(zip(own, (requests, cpu, latency), strict=True))
            edges += [Edge(own[0], own[1], 0), Edge(own[1], own[2], 0), Edge(own[0], own[2], 0)]
    matrix = Matrix(tuple(rows), 60_000, 60, np.array(list(rows.values())))
    return matrix, CausalGraph(matrix.variables, tuple(edges))


def federation(runs: int) -> None:
    """Intervals of the joined effect of three installations, beside EconML's federated learning where it is there."""
    print(f"\nThe effect over three installations, true 0.5, of {runs} runs")
    print(
        f"  {'points each':>11} {'memory':>6} {'method':<28} {'coverage':>8} {'width':>7} {'differ':>7} {'left out':>8}"
    )
    for n in (500, 2000):
        for memory in (0.0, 0.9, 0.97):
            covered, width, differ, left = [], [], [], []
            theirs: list[tuple[float, float]] = []
            for seed in range(runs):
                sites = [shop(n, 1000 * seed + number, memory) for number in range(3)]
                found = join_effect(asking(sites), Question("x", "y", ("z",)))
                covered.append(found.effect.lower <= 0.5 <= found.effect.upper)
                width.append(found.effect.upper - found.effect.lower)
                differ.append(found.heterogeneity < 0.05)
                left.append(bool(found.left_out))
                if len(theirs) < 30 and (interval := econml(sites)):
                    theirs.append(interval)
            line = f"{np.mean(covered):>8.3f} {np.mean(width):>7.3f} {np.mean(differ):>7.3f} {np.mean(left):>8.3f}"
            print(f"  {n:>11} {memory:>6} {'from sums':<28} {line}", flush=True)
            if theirs:
                inside = np.mean([low <= 0.5 <= high for low, high in theirs])
                wide = np.mean([high - low for low, high in theirs])
                name = f"EconML, federated ({len(theirs)} runs)"
                print(f"  {n:>11} {memory:>6} {name:<28} {inside:>8.3f} {wide:>7.3f}", flush=True)


def noise(runs: int) -> None:
    """What noise costs that installations add to their sums."""
    runs = max(runs // 2, 20)
    print(f"\nThree installations that all add noise, 1,500 points each, memory 0.9, of {runs} runs")
    print(f"  {'noise':>5} {'coverage':>8} {'width':>7} {'told to be wider by':>20}")
    for size in (0.0, 0.1, 0.5, 1.0):
        found = []
        for seed in range(runs):
            blocks = asking([shop(1500, 1000 * seed + number, 0.9) for number in range(3)])

            def ask(
                columns: Sequence[str], rho: Sequence[float], told: Ask = blocks, seed: int = seed, size: float = size
            ) -> list[Site]:
                return [
                    replace(
                        one, blocks=tuple(noisy(block, size, columns, f"{seed} {one.name}") for block in one.blocks)
                    )
                    for one in told(columns, rho)
                ]

            found.append(join_effect(ask if size else blocks, Question("x", "y", ("z",))))
        held = np.mean([one.effect.lower <= 0.5 <= one.effect.upper for one in found])
        width = np.median([one.effect.upper - one.effect.lower for one in found])
        price = np.median([one.price for one in found]) - 1
        print(f"  {size:>5} {held:>8.3f} {width:>7.3f} {price:>20.0%}", flush=True)


def shop(n: int, seed: int, memory: float) -> Floats:
    """y, x, z (n, 3): z moves both."""
    rng = np.random.default_rng(seed)
    z = smooth(n, rng, memory)
    x = z + smooth(n, rng, memory)
    return np.column_stack([0.5 * x + 2 * z + smooth(n, rng, memory), x, z])


def asking(sites: Sequence[Floats]) -> Callable[[Sequence[str], Sequence[float]], list[Site]]:
    """Installations that answer with sums."""

    def ask(columns: Sequence[str], rho: Sequence[float]) -> list[Site]:
        return [
            Site(f"s{number}", tuple(columns), (Block("", moment_sums(one, np.arange(len(one)), rho)),), len(one))
            for number, one in enumerate(sites)
        ]

    return ask


def econml(sites: Sequence[Floats]) -> tuple[float, float] | None:
    """The 95% interval of EconML's joined LinearDML; None where EconML is not there."""
    try:
        from econml.dml import LinearDML
        from econml.federated_learning import FederatedEstimator
        from sklearn.linear_model import LinearRegression
    except ImportError:
        return None
    fitted = []
    for one in sites:
        learner = LinearDML(model_y=LinearRegression(), model_t=LinearRegression(), enable_federation=True, cv=2)
        fitted.append(learner.fit(one[:, 0], one[:, 1], X=None, W=one[:, 2:]))
    low, high = FederatedEstimator(fitted).const_marginal_ate_interval()
    return float(np.ravel(low)[0]), float(np.ravel(high)[0])


PARTS = {one.__name__: one for one in (shift, parents, installation, federation, noise)}


def main() -> None:
    """Run the parts that are named, all without a name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts")
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args()
    for name in given.parts or PARTS:
        PARTS[name](given.runs)


if __name__ == "__main__":
    main()
