"""Do the intervals hold? Every estimator on simulated series whose effect is known.

python benchmarks/coverage.py [--n N] [--runs N] [--methods A,B|quick|all] [--scenarios A,B]
python benchmarks/coverage.py --misses [--n N] [--runs N] [--scenarios A,B]

Without options only the default method is asked. Prints the mean estimate, its bias and how many of the 95% intervals
of the total effect hold the truth; exit code 1 when by more than chance the default holds less than 93%, or the
designs of one series and of a cutoff less than 93% or more than 97%.

With --misses: of studies that something spoils, and of sound ones, how many intervals hold the truth, how often a check
fails, and how many are silent misses; exit code 1 when more than 5% of the sound studies are called spoilt.
"""

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)  # this folder's coverage.py is not the package of that name
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.misses import MISSES
from benchmarks.scenarios import SCENARIOS, simulate
from datasource.effects.checks import judge
from datasource.effects.methods import ESTIMATORS, Method
from datasource.effects.study import StudyError

DEFAULT = "backdoor.distributed_lag"
QUICK = (
    DEFAULT,
    "backdoor.linear_regression",
    "backdoor.double_machine_learning",
    "backdoor.propensity_score_weighting",
    "backdoor.doubly_robust",
    "iv.instrumental_variable",
    "frontdoor.two_stage_regression",
    "difference_in_differences",
    "synthetic_control",
    "counterfactual_regression",
    "interrupted_time_series",
    "regression_discontinuity",
)
ONLY = {
    "instrument": ("instrument",),
    "front-door": ("front-door",),
    "comparison": ("two series", "few units", "rollout", "single series", "noisy single series", "white single series"),
    "discontinuity": ("cutoff", "coarse cutoff"),
}
"""The scenarios of methods that need more than something to adjust for."""
SINGLE = "interrupted_time_series"
BOTH_SIDES = (SINGLE, "regression_discontinuity")
"""Designs whose intervals may be neither too narrow nor too wide."""
ADJUSTED = tuple(name for name in SCENARIOS if not any(name in some for some in ONLY.values()))
AIM = (0.93, 0.97)


class Row(NamedTuple):
    """What a method answered over the runs: how often, on average, and how often its interval held the truth."""

    answered: int
    mean: float
    width: float
    coverage: float


def main() -> int:
    """Simulate, estimate, print; 1 when the default misses."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--n", type=int, default=1000, help="rows of each study")
    arguments.add_argument("--runs", type=int, default=200, help="studies of each scenario")
    arguments.add_argument("--methods", default=DEFAULT, help="names, comma separated; 'quick' or 'all'")
    arguments.add_argument("--scenarios", default=",".join(SCENARIOS), help="names, comma separated")
    arguments.add_argument("--misses", action="store_true", help="what spoils a study: is it told?")
    chosen = arguments.parse_args()
    if chosen.misses:
        return misses_told(chosen.runs, chosen.n, chosen.scenarios.split(","))
    groups = {"all": tuple(ESTIMATORS), "quick": QUICK}
    names = groups.get(chosen.methods) or tuple(chosen.methods.split(","))
    print(f"n = {chosen.n:,}, {chosen.runs} runs; 95% intervals of the total effect\n")
    print(f"{'scenario':<21}{'method':<40}{'truth':>6}{'mean':>8}{'bias':>8}{'width':>8}{'covered':>9}")
    missed = []
    for scenario in chosen.scenarios.split(","):
        for name in names:
            method = ESTIMATORS[name]
            if (name == SINGLE) != scenario.endswith("single series") and method.identified_by == "comparison":
                continue
            if scenario not in ONLY.get(method.identified_by, ADJUSTED):
                continue
            said, row = cover(scenario, method, chosen.runs, chosen.n)
            truth = SCENARIOS[scenario].truth
            if row is None:
                if "two values" not in said:
                    print(f"{scenario:<21}{name:<40}{truth:6.2f}  {said}")
                continue
            outside = misses(row)
            note = "" if outside is None else f"  <- {outside}"
            print(
                f"{scenario:<21}{name:<40}{truth:6.2f}{row.mean:8.3f}{row.mean - truth:+8.3f}{row.width:8.3f}"
                f"{row.coverage:9.1%}{note}{said}"
            )
            if (name in BOTH_SIDES and outside) or (name == DEFAULT and outside == "too narrow"):
                missed.append(f"{scenario} ({name}: {outside})")
    if missed:
        print(f"\nintervals miss what is promised where data are like: {', '.join(missed)}")
    return 1 if missed else 0


def cover(scenario: str, method: Method, runs: int, n: int) -> tuple[str, Row | None]:
    """Run a method on the studies of a scenario; without a row, what stands in its way."""
    found = []
    refused = ""
    began = time.perf_counter()
    for seed in range(runs):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(method.estimate(simulate(scenario, seed, n)).effect)
        except StudyError as error:
            refused = str(error)
            if not found:
                return f"does not apply: {refused[:70]}", None
        if time.perf_counter() - began > 120:
            break
    truth = SCENARIOS[scenario].truth
    table = np.array([(one.value, one.lower, one.upper) for one in found])
    answered = table[np.isfinite(table).all(axis=1)]
    if not len(answered):
        return "no interval", None
    value, lower, upper = answered.T
    row = Row(
        len(answered),
        float(value.mean()),
        float((upper - lower).mean()),
        float(np.mean((lower <= truth) & (truth <= upper))),
    )
    return "" if row.answered == runs else f"  ({row.answered} runs)", row


def misses_told(runs: int, n: int, asked: list[str]) -> int:
    """Judge the studies of `benchmarks/misses.py`; 1 when sound ones are called spoilt too often."""
    names = [name for name in MISSES if name in asked] or list(MISSES)
    print(f"n = {n:,}, {runs} runs; truth 1.0\n")
    print(f"{'study':<16}{'method':<40}{'mean':>7}{'holds':>8}{'told':>7}{'silent':>8}  by")
    sound = alarms = 0
    for name in names:
        miss = MISSES[name]
        for method in miss.methods:
            values, held, told, silent, by = [], 0, 0, 0, Counter[str]()
            for seed in range(runs):
                study = miss.make(np.random.default_rng([crc32(name.encode()), seed, n]), n)
                answer = judge(study, ESTIMATORS[method])
                failed = [check.name for check in answer.checks if check.passed is False]
                holds = answer.effect.lower <= 1 <= answer.effect.upper
                values.append(answer.effect.value)
                held, told, silent = held + holds, told + bool(failed), silent + (not holds and not failed)
                by.update(failed)
            if miss.sound:
                sound, alarms = sound + runs, alarms + told
            often = ", ".join(f"{check} {count / runs:.0%}" for check, count in by.most_common(3))
            print(
                f"{name:<16}{method:<40}{np.mean(values):7.2f}{held / runs:8.0%}{told / runs:7.0%}{silent / runs:8.0%}"
                f"  {often}",
                flush=True,
            )
    if sound:
        print(f"\nfalse alarms: {alarms} of {sound} sound studies, {alarms / sound:.1%}")
    return 1 if alarms > 0.05 * sound else 0


def misses(row: Row) -> str | None:
    """What is wrong with a coverage beyond two binomial standard errors of the aim, if something is."""
    error = 2 * np.sqrt(0.95 * 0.05 / row.answered)
    if row.coverage < AIM[0] - error:
        return "too narrow"
    return "too wide" if row.coverage > min(AIM[1] + error, 0.999) else None


if __name__ == "__main__":
    sys.exit(main())
