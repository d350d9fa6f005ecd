"""How many points from a fault to its alarm, by the size of the fault, at the promise that is kept?

python benchmarks/delay.py [--promise 0.5] [--systems 4] [--faults 40] [--baseline 2]

Two kinds of quiet systems, one mechanism fit each: the simulated ones of false_alarms.py, whose quiet time has hiccups
of two points and up to forty standard deviations, and services with noise, memory and a day but without hiccups. A
fault raises one service's latency, or its cpu, by so many robust standard deviations of what its mechanism leaves
unexplained, for half an hour. Delays are counted as the service alarms: by what lasts, by what is strong, and jointly.
What alarms within half an hour is found. How high two points in a row go while nothing is broken stands beside.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.false_alarms import DAY, Quiet, simulated
from benchmarks.incidents.draw import SIGNALS
from benchmarks.incidents.system import STEP
from datasource.anomaly import Mechanisms, Persistence, fit_mechanisms
from datasource.anomaly.persistence import kth_largest
from datasource.causes.watch import watch
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import CausalGraph

SIZES = 3.0, 5.0, 10.0, 20.0
LENGTH = 30
_BEFORE = 10
_MOST_DELAY = 2.0
"""Points that a fault of ten standard deviations may take, in the median, where nothing usual is as high."""
_SERVICES, _MEMORY = 20, 0.5
"""Of a system without hiccups."""


def noise(mechanisms: Mechanisms, matrix: Matrix, roles: Roles, variable: Variable) -> float:
    """The robust standard deviation of what a variable's mechanism leaves unexplained."""
    seen = mechanisms.causal[variable].predict(matrix, roles)
    gaps = seen.observed - seen.expected
    gaps = gaps[np.isfinite(gaps)]
    return float(1.4826 * np.median(np.abs(gaps - np.median(gaps))))


def without_hiccups(seeds: int, days: float, baseline: float) -> Iterator[Quiet]:
    """Services whose latency and cpu are a day's rhythm and autoregressive noise, a point a minute."""
    for seed in range(seeds):
        rng = np.random.default_rng([11, seed])
        times = np.arange(0, int((baseline + days) * DAY), STEP)
        entities = [Entity("service", (("service", f"s{i:02d}"),)) for i in range(_SERVICES)]
        variables = tuple(Variable(entity, signal) for signal in ("latency", "cpu") for entity in entities)
        noise = lfilter([1.0], [1.0, -_MEMORY], rng.normal(size=(len(variables), times.size)))
        values = 100 + 10 * np.sin(2 * np.pi * times / DAY) + 5 * noise
        matrix = Matrix(variables, 0, STEP, values)
        yield Quiet(f"without hiccups {seed}", matrix, CausalGraph(variables, ()), SIGNALS, int(baseline * DAY))


def highest(mechanisms: Mechanisms, matrix: Matrix, roles: Roles, variable: Variable) -> float:
    """How high two points in a row go in a quiet time, in robust standard deviations."""
    seen = mechanisms.causal[variable].predict(matrix, roles)
    gaps = np.nan_to_num(np.abs(seen.observed - seen.expected))
    return float(kth_largest(gaps, 2, 2).max() / noise(mechanisms, matrix, roles, variable))


def delay(one: Quiet, mechanisms: Mechanisms, roles: Roles, variable: Variable, at: int, height: float) -> int | None:
    """Points from the start of a fault at `at` (seconds) to the first alarm of its entity; None where there is none."""
    step = one.matrix.step
    window = one.matrix.between(at - _BEFORE * step, at + (LENGTH - 1) * step)
    window = window.select([v for v in window.variables if v.entity == variable.entity or v in _causes(one, variable)])
    values = window.values.copy()
    values[window.variables.index(variable), _BEFORE:] += height
    broken = Matrix(window.variables, window.start, window.step, values)
    highest = np.zeros(values.shape[1])
    for seen in watch(mechanisms, broken, roles, Persistence(), following=False):
        if seen.variable.entity == variable.entity:
            for heights in seen.heights.values():
                np.maximum(highest, heights, out=highest)
    if (highest[:_BEFORE] > 1).any():
        return None
    found = np.flatnonzero(highest[_BEFORE:] > 1)
    return int(found[0]) + 1 if found.size else None


def _causes(one: Quiet, variable: Variable) -> set[Variable]:
    own = [v for v in one.matrix.variables if v.entity == variable.entity]
    return {edge.cause for v in own for edge in one.graph.parents(v)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promise", type=float, default=0.5)
    parser.add_argument("--systems", type=int, default=4)
    parser.add_argument("--faults", type=int, default=40, help="of each size, in each system")
    parser.add_argument("--baseline", type=float, default=2.0, help="days")
    asked = parser.parse_args()
    print(f"Points from fault to alarm, {asked.promise:g} false alarms a day promised, {asked.systems} systems each\n")
    print("quiet time       signal   usual, sd  size, sd  found in half an hour  median   90% within")
    slow = False
    for kind, systems in (("with hiccups", simulated), ("without hiccups", without_hiccups)):
        found: dict[tuple[str, float], list[int | None]] = {}
        usual: dict[str, float] = {}
        for one in systems(asked.systems, 1.0, asked.baseline):
            _count(one, asked.promise, asked.faults, found, usual)
        for (signal, size), points in found.items():
            known = [one for one in points if one is not None]
            middle = float(np.median(known)) if known else np.inf
            nearly = float(np.quantile(known, 0.9, method="higher")) if known else np.inf
            share = len(known) / len(points)
            print(
                f"{kind:15s}  {signal:7s}  {usual[signal]:9.1f}  {size:8g}  {share:21.0%}  {middle:6g}   {nearly:10g}"
            )
            slow |= size >= 10 > usual[signal] and middle > _MOST_DELAY
    said = "a fault of ten standard deviations, where nothing usual is as high"
    print(f"\n{'MISSED' if slow else 'reached'}  {said}: {_MOST_DELAY:g} points in the median")
    return int(slow)


def _count(
    one: Quiet, promise: float, faults: int, found: dict[tuple[str, float], list[int | None]], usual: dict[str, float]
) -> None:
    roles = Roles(one.signals)
    before = one.matrix.between(one.matrix.start, one.at - one.matrix.step)
    mechanisms = fit_mechanisms(before, one.graph, roles, false_alarms_per_day=promise, longest_lag=120)
    rng = np.random.default_rng(len(one.matrix.variables))
    for signal in ("latency", "cpu"):
        variables = [v for v in mechanisms.causal if v.signal == signal]
        most = max(highest(mechanisms, one.matrix, roles, v) for v in variables)
        usual[signal] = max(usual.get(signal, 0.0), most)
        for _ in range(faults):
            variable = variables[int(rng.integers(len(variables)))]
            at = one.at + int(rng.integers(_BEFORE, DAY // one.matrix.step - LENGTH)) * one.matrix.step
            sigma = noise(mechanisms, before, roles, variable)
            for size in SIZES:
                points = delay(one, mechanisms, roles, variable, at, size * sigma)
                found.setdefault((signal, size), []).append(points)


if __name__ == "__main__":
    sys.exit(main())
