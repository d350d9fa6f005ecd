"""A thousand effects: what a refit of them costs, with checks and rolling windows, and what a wide panel costs.

    python benchmarks/many_effects.py [--services 1000] [--effects 50] [--units 545]

Asks for the effect of cpu on latency of so many of the services of `scale.py`, a day of points every 30 s, and
multiplies. The panel has eight times of each unit. Prints CPU seconds; exit code 1 above what is promised.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.scale import SIGNALS, world
from datasource.data import Variable
from datasource.effects import analyse_effect
from datasource.effects.checks import judge
from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import Study, lay_out
from datasource.identification import EffectQuestion

_THOUSAND, _PANEL = 60.0, 2.0


def main() -> int:
    """Measure and print; 1 when a promise is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--services", type=int, default=1000)
    arguments.add_argument("--effects", type=int, default=50, help="how many of a thousand are asked")
    arguments.add_argument("--units", type=int, default=545, help="of the panel")
    chosen = arguments.parse_args()
    matrix, graph, _ = world(chosen.services)
    entities = list(dict.fromkeys(variable.entity for variable in matrix.variables))[: chosen.effects]
    questions = [
        EffectQuestion(Variable(entity, "cpu"), Variable(entity, "latency"), window=len(matrix.times) // 2)
        for entity in entities
    ]
    analyse_effect(questions[0], matrix, graph, SIGNALS)  # imports, and what the graph remembers
    spent = {}
    for checked in (False, True):
        began = time.process_time()
        for question in questions:
            analyse_effect(question, matrix, graph, SIGNALS, checked=checked)
        spent[checked] = 1000 / len(questions) * (time.process_time() - began)
    print(
        f"1,000 effects: {spent[True]:.0f} s of CPU with checks, at most {_THOUSAND:.0f}; {spent[False]:.0f} s without"
    )
    study = panel(chosen.units)
    seconds = []
    for method in ("backdoor.linear_regression", "backdoor.distributed_lag"):
        began = time.process_time()
        judge(study, ESTIMATORS[method])
        seconds.append(time.process_time() - began)
        print(f"panel of {chosen.units} units, {method}: {seconds[-1]:.1f} s of CPU with checks (at most {_PANEL:.0f})")
    return 1 if spent[True] > _THOUSAND or max(seconds) > _PANEL else 0


def panel(units: int, times: int = 8) -> Study:
    """Units with levels of their own, confounded by eight columns, the effect being 1."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(units * times, 8))
    x = 0.3 * z.sum(axis=1) + rng.normal(size=units * times)
    level = np.repeat(3 * rng.normal(size=units), times)
    y = x + level + 0.5 * z.sum(axis=1) + rng.normal(size=units * times)
    columns = {f"z{k}": column for k, column in enumerate(z.T)}
    return lay_out(y, x, columns, times=np.tile(np.arange(times), units), units=np.repeat(np.arange(units), times))


if __name__ == "__main__":
    sys.exit(main())
