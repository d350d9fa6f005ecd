"""How many points from a fault to its alarm, by the size of the fault, at the promise that is kept?

python benchmarks/delay.py [--promise 0.5] [--systems 4] [--faults 40] [--baseline 2]

Quiet simulated systems (as in false_alarms.py), one mechanism fit each. A fault raises one service's latency, or its
cpu, by so many robust standard deviations of what its mechanism leaves unexplained, for half an hour. Delays are
counted as the service alarms: by what lasts, by what is strong, and jointly. What alarms within half an hour is found.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.false_alarms import DAY, Quiet, simulated
from datasource.anomaly import Mechanisms, Persistence, fit_mechanisms
from datasource.causes.watch import watch
from datasource.data import Matrix, Roles, Variable

SIZES = 3.0, 5.0, 10.0, 20.0
LENGTH = 30
_BEFORE = 10
_MOST_DELAY = 2.0
"""Points that a fault of ten standard deviations may take, in the median."""


def noise(mechanisms: Mechanisms, matrix: Matrix, roles: Roles, variable: Variable) -> float:
    """The robust standard deviation of what a variable's mechanism leaves unexplained."""
    seen = mechanisms.causal[variable].predict(matrix, roles)
    gaps = seen.observed - seen.expected
    gaps = gaps[np.isfinite(gaps)]
    return float(1.4826 * np.median(np.abs(gaps - np.median(gaps))))


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
    found: dict[tuple[str, float], list[int | None]] = {}
    for one in simulated(asked.systems, 1.0, asked.baseline):
        roles = Roles(one.signals)
        before = one.matrix.between(one.matrix.start, one.at - one.matrix.step)
        mechanisms = fit_mechanisms(before, one.graph, roles, false_alarms_per_day=asked.promise, longest_lag=120)
        rng = np.random.default_rng(len(one.matrix.variables))
        able = {name: [v for v in mechanisms.causal if v.signal == name] for name in ("latency", "cpu")}
        for signal, variables in able.items():
            for number in range(asked.faults):
                variable = variables[int(rng.integers(len(variables)))]
                at = one.at + int(rng.integers(_BEFORE, DAY // one.matrix.step - LENGTH)) * one.matrix.step
                sigma = noise(mechanisms, before, roles, variable)
                for size in SIZES:
                    points = delay(one, mechanisms, roles, variable, at, size * sigma)
                    found.setdefault((signal, size), []).append(points)
                del number
    print(f"Points from fault to alarm, {asked.promise:g} false alarms a day promised, {asked.systems} systems\n")
    print("signal   size (sd)  found in half an hour  median   90% within")
    slow = False
    for (signal, size), points in found.items():
        known = [one for one in points if one is not None]
        middle = float(np.median(known)) if known else np.inf
        nearly = float(np.quantile(known, 0.9, method="higher")) if known else np.inf
        print(f"{signal:8s} {size:9g}  {len(known) / len(points):21.0%}  {middle:6g}   {nearly:10g}")
        slow |= size >= 10 and middle > _MOST_DELAY
    print(
        f"\n{'MISSED' if slow else 'reached'}  a fault of ten standard deviations: {_MOST_DELAY:g} points in the median"
    )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
