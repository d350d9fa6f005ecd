"""Is the promise of few false alarms kept? Quiet data, judged by mechanisms that were fitted on the time before.

    python benchmarks/false_alarms.py [--promise 5] [--days 3] [--seeds 4] [--petshop DIR]

Every alarm is false: nothing is broken. Alarms are counted as the service counts them: episodes of the whole
installation in which any entity is anomalous, by a score that lasts, a strong one or a joint one; those less than
10 points apart are merged.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.incidents.draw import SIGNALS
from benchmarks.incidents.petshop import SIGNALS as PETSHOP_SIGNALS
from benchmarks.incidents.petshop import read_quiet
from benchmarks.incidents.system import STEP, draw_system, run, undisturbed
from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.anomaly.persistence import USUAL
from datasource.causes.watch import watch
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.replay.alarms import episodes_of
from datasource.settings import Signal

DAY = 86400
_WITHIN = (
    ("requests", "cpu"), ("requests", "memory"), ("requests", "errors"), ("requests", "latency"), ("requests", "work"),
    ("cpu", "latency"), ("cpu", "work"), ("memory", "latency"), ("memory", "work"),
)  # fmt: skip
_BACK = ("latency", "work", "errors")


class Quiet(NamedTuple):
    """A matrix in which nothing is broken: before `at` (seconds) is the baseline, the rest is judged."""

    name: str
    matrix: Matrix
    graph: CausalGraph
    signals: dict[str, Signal]
    at: int


def templates(matrix: Matrix, calls: list[tuple[Entity, Entity]]) -> CausalGraph:
    """The causes that `init` writes, within every service and along every call."""
    there = set(matrix.variables)
    edges = [Edge(Variable(e, a), Variable(e, b), 0) for e in {v.entity for v in matrix.variables} for a, b in _WITHIN]
    for caller, callee in calls:
        edges += [Edge(Variable(callee, name), Variable(caller, name), 0, "calls") for name in _BACK]
        edges.append(Edge(Variable(caller, "requests"), Variable(callee, "requests"), 0, "calls"))
    return CausalGraph(matrix.variables, tuple(e for e in edges if e.cause in there and e.effect in there))


def simulated(seeds: int, days: float, baseline: float) -> Iterator[Quiet]:
    """Random systems of 10 to 40 services, a point a minute."""
    for seed in range(seeds):
        rng = np.random.default_rng([7, seed])
        system = draw_system(rng, int(rng.integers(10, 41)))
        minutes = int((baseline + days) * DAY / STEP)
        rows = run(system, minutes, undisturbed(system.size, minutes), rng).signals
        entities = [Entity("service", (("service", f"s{i:02d}"),)) for i in range(system.size)]
        variables = tuple(Variable(e, name) for name in rows for e in entities)
        matrix = Matrix(variables, 0, STEP, np.concatenate(list(rows.values())))
        calls = [(entities[i], entities[j]) for i, j in zip(*np.nonzero(system.fan), strict=True)]
        yield Quiet(f"simulated {seed}", matrix, templates(matrix, calls), SIGNALS, int(baseline * DAY))


def petshop(directory: Path) -> Iterator[Quiet]:
    """Each quiet time of PetShop: the last third by the first two, and the first third by the last two."""
    for folder in sorted(directory.glob("*_traffic")):
        matrix, calls = read_quiet(folder)
        third = matrix.values.shape[1] // 3
        graph = _petshop_graph(matrix, calls)
        for name, order in (("last", slice(None)), ("first", slice(None, None, -1))):
            turned = Matrix(matrix.variables, matrix.start, matrix.step, matrix.values[:, order].copy())
            at = matrix.start + 2 * third * matrix.step
            yield Quiet(f"{folder.name}, {name} third", turned, graph, PETSHOP_SIGNALS, at)


def _petshop_graph(matrix: Matrix, calls: tuple[tuple[Entity, Entity], ...]) -> CausalGraph:
    there = set(matrix.variables)
    edges = [
        Edge(Variable(callee, name), Variable(caller, name), 0, "calls")
        for caller, callee in calls
        for name in PETSHOP_SIGNALS
        if name.startswith("latency")
    ]
    edges += [
        Edge(Variable(v.entity, "requests_Sum"), v, 0) for v in matrix.variables if v.signal.startswith("latency")
    ]
    return CausalGraph(matrix.variables, tuple(e for e in edges if e.cause in there and e.effect in there))


class Alarms(NamedTuple):
    """Alarm episodes, and in how many each signal's scores took part."""

    episodes: int
    by_signal: Counter[str]


def alarms(matrix: Matrix, mechanisms: Mechanisms, roles: Roles) -> Alarms:
    """What the service would have alarmed about, by every kind of evidence."""
    together = np.zeros(matrix.values.shape[1], dtype=np.bool_)
    by_signal: Counter[str] = Counter()
    for seen in watch(mechanisms, matrix, roles, USUAL):
        for kind, height in seen.heights.items():
            above = height > 1
            together |= above
            by_signal[f"{seen.variable.signal} {kind}"] += len(episodes_of(above, USUAL.apart))
    return Alarms(len(episodes_of(together, USUAL.apart)), +by_signal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promise", type=float, default=5.0)
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--baseline", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--petshop", type=Path)
    parser.add_argument("--loud", action="store_true", help="which signals alarm")
    asked = parser.parse_args()
    groups = {"simulated": simulated(asked.seeds, asked.days, asked.baseline)}
    if asked.petshop:
        groups["petshop"] = petshop(asked.petshop)
    for name, quiet in groups.items():
        total, days = 0.0, 0.0
        for one in quiet:
            began = time.process_time()
            roles = Roles(one.signals)
            before = one.matrix.between(one.matrix.start, one.at - 1)
            after = one.matrix.between(one.at, one.matrix.end)
            mechanisms = fit_mechanisms(
                before, one.graph, roles, false_alarms_per_day=asked.promise, longest_lag=120, min_points=60
            )
            fitted = time.process_time() - began
            found = alarms(after, mechanisms, roles)
            inside = alarms(before, mechanisms, roles)
            long = after.values.shape[1] * after.step / DAY
            total, days = total + found.episodes, days + long
            print(
                f"{one.name:28s} {len(one.matrix.variables):4d} variables: {found.episodes:3d} in {long:.2f} days,"
                f" {found.episodes / long:6.2f} a day (baseline {inside.episodes};"
                f" supported {mechanisms.supported:.2f}; fit {fitted:.1f} s)"
            )
            if asked.loud:
                print("     ", dict(found.by_signal.most_common(6)))
        low, high = (chi2.ppf(0.025, 2 * total) / 2 if total else 0.0), chi2.ppf(0.975, 2 * total + 2) / 2
        print(
            f"{name}: promise {asked.promise:g} a day, kept {total / days:.2f} [{low / days:.2f}, {high / days:.2f}],"
            f" {total:.0f} episodes in {days:.1f} days\n"
        )


if __name__ == "__main__":
    main()
