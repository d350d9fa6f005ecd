"""How fast are the kernels at equal numbers? Beside statsmodels and EconML, in one run, with one BLAS thread.

python benchmarks/effects.py [--windows N] [--rounds N]

Prints CPU seconds, ratios and the largest relative difference; exit code 1 when a promise is not kept.
"""

import argparse
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
sys.path.pop(0)  # this folder's coverage.py is not the package of that name
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import statsmodels.api as sm
from econml.dml import LinearDML
from scipy.signal import lfilter
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datasource.effects.estimators.distributed_lag import Design, estimate_effect, rolling_effects
from datasource.numerics import dml_windows

LAGS = 7
DAY = 2880
"""Points in a rolling window: a day, every 30 s."""
ORDER, ITERATIONS = 5, 5
FLOOR, TOLERANCE = 15.0, 1e-8


class Job(NamedTuple):
    """The same numbers two ways: `theirs` and `ours` give arrays to compare. `done` is the share that `theirs` does.

    `floor` is the promised ratio, 0 where none is promised: what is below 15 is named all the same.
    """

    name: str
    theirs: Callable[[], np.ndarray]
    ours: Callable[[], np.ndarray]
    done: float
    floor: float


def main() -> int:
    """Measure, print, and say whether the promises are kept."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--windows", type=int, default=48)
    arguments.add_argument("--rounds", type=int, default=3)
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")
    jobs = [*rolling(chosen.windows), dml(chosen.windows)]
    print(f"{'':<58}{'theirs s':>9}{'ours s':>9}{'ratio':>9}{'difference':>12}")
    kept = [report(job, chosen.rounds) for job in jobs]
    if not all(kept):
        print("\na promise is not kept; on a busy machine, measure again")
    return 0 if all(kept) else 1


def rolling(count: int) -> list[Job]:
    """GLSAR of rolling windows: the value as statsmodels fits it, and the interval as one window alone gives it."""
    rng = np.random.default_rng(2)
    n = 2 * DAY
    z, own, error = autoregressive(rng, 3, n + 2, 0.9)
    x = 0.5 * z + own
    outcome = (lfilter([1.0, 0.6, 0.4], [1.0], x) + z + error)[2:]
    columns = np.column_stack([row[2 - lag : n + 2 - lag] for row in (z, x) for lag in range(3)])
    design = Design(outcome, columns, 2, np.ones(n, dtype=bool))
    windows = [(end - DAY, end) for end in np.linspace(DAY, n, count).round().astype(int).tolist()]
    some = windows[: max(count // 6, 1)]

    def statsmodels() -> np.ndarray:
        found = []
        for first, last in some:
            model = sm.GLSAR(outcome[first:last], sm.add_constant(columns[first:last]), rho=ORDER)
            fit = model.iterative_fit(
                maxiter=ITERATIONS, cov_type="HAC", cov_kwds={"maxlags": LAGS, "use_correction": True}
            )
            found.append(fit.params[-3:].sum())
        return np.array(found)

    def one_by_one() -> np.ndarray:
        alone = [estimate_effect(design.between(first, last)).effect for first, last in some]
        return np.array([(one.value, one.lower, one.upper) for one in alone])

    def ours() -> np.ndarray:
        return np.array([(one.value, one.lower, one.upper) for one in rolling_effects(design, windows)])

    done, where = len(some) / count, f"{count} windows of {DAY:,} points, 2 lags"
    return [
        Job(f"GLSAR(5), {where} (statsmodels)", statsmodels, lambda: ours()[: len(some), 0], done, 0),
        Job(f"GLSAR(5), {where} (one by one)", one_by_one, lambda: ours()[: len(some)], done, 0),
    ]


def dml(count: int) -> Job:
    """Double machine learning of rolling windows with ridge nuisances and five blocks of time."""
    rng = np.random.default_rng(3)
    controls = autoregressive(rng, 4, 2 * DAY, 0.9).T
    treatment = controls @ [0.5, 0.2, 0.0, 0.1] + rng.normal(size=2 * DAY)
    outcome = 1.5 * treatment + controls.sum(axis=1) + autoregressive(rng, 1, 2 * DAY)[0]
    ends = np.linspace(DAY, 2 * DAY, count).round().astype(np.int64)
    windows = np.column_stack([ends - DAY, ends])
    some = windows[: max(count // 6, 1)]
    folds = np.arange(DAY) * 5 // DAY
    splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(5)]

    def theirs() -> np.ndarray:
        found = []
        for first, last in some.tolist():
            rows = slice(first, last)
            nuisances = [make_pipeline(StandardScaler(), Ridge(alpha=1.0)) for _ in range(2)]
            model = LinearDML(model_y=nuisances[0], model_t=nuisances[1], cv=splits, random_state=0)
            found.append(float(model.fit(outcome[rows], treatment[rows], W=controls[rows]).ate()))
        return np.array(found)

    def ours() -> np.ndarray:
        return dml_windows(outcome, treatment, controls, windows)[: len(some), 0]

    name = f"double machine learning, {count} windows, 4 controls (EconML)"
    return Job(name, theirs, ours, len(some) / count, FLOOR)


def autoregressive(rng: np.random.Generator, rows: int, points: int, memory: float = 0.5) -> np.ndarray:
    """Rows of AR(1) noise."""
    series: np.ndarray = lfilter([1.0], [1.0, -memory], rng.normal(size=(rows, points + 100)))[:, 100:]
    return series


def report(job: Job, rounds: int) -> bool:
    """Time both in turns, print the medians, and say whether the promises are kept; the first round is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    difference = 0.0
    for _ in range(rounds + 1):
        answers = []
        for seconds, way in zip(times, (job.theirs, job.ours), strict=True):
            began = time.process_time()
            answers.append(way())
            seconds.append(time.process_time() - began)
        wanted = np.abs(answers[0])
        difference = float(np.max(np.abs(answers[1] - answers[0]) / np.where(wanted > 0, wanted, 1.0)))
    theirs, ours = statistics.median(times[0][1:]) / job.done, statistics.median(times[1][1:])
    equal, fast = difference <= TOLERANCE, theirs / ours >= job.floor
    said = "" if fast else f"  <- MISSED the floor of {job.floor:g}"
    said += f"  (below {FLOOR:g}, not promised)" if not job.floor and theirs / ours < FLOOR else ""
    said += "" if equal else f"  <- MISSED the tolerance of {TOLERANCE:g}"
    print(f"{job.name:<58}{theirs:9.3f}{ours:9.3f}{theirs / ours:8.1f}x{difference:12.1e}{said}", flush=True)
    return equal and fast


if __name__ == "__main__":
    sys.exit(main())
