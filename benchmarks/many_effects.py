"""A thousand effects: what a refit of them costs, with checks and rolling windows, and what a wide panel costs.

    python benchmarks/many_effects.py [--services 1000] [--effects 1000] [--workers 1] [--units 545]

Settings ask for the effect of cpu on latency of every service of `scale.py`, a day of points every 30 s; the running
service's own `EffectsWorker` has them computed, by its worker process and as many more as `--workers` says. With fewer
`--effects` it multiplies. The panel has eight times of each unit. Prints CPU seconds of all processes together;
exit code 1 above what is promised.
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

from benchmarks.scale import POINTS, SETTINGS, STEP, world
from datasource.effects.checks import judge
from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import Study, lay_out
from datasource.graph import build_graph
from datasource.service.effects_worker import EffectsWorker
from datasource.service.jobs import Workers
from datasource.settings import Effect

_THOUSAND, _PANEL = 60.0, 2.0


def main() -> int:
    """Measure and print; 1 when a promise is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--services", type=int, default=1000)
    arguments.add_argument("--effects", type=int, default=1000, help="how many of a thousand are asked")
    arguments.add_argument("--workers", type=int, default=1, help="as in evaluation.workers")
    arguments.add_argument("--units", type=int, default=545, help="of the panel")
    chosen = arguments.parse_args()
    spent = {checked: 1000 / chosen.effects * seconds for checked, seconds in refit(chosen).items()}
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


def refit(chosen: argparse.Namespace) -> dict[bool, float]:
    """CPU seconds of a first fit's effects, which come without checks at first, and of a later one's, with them."""
    matrix, topology = world(chosen.services)
    graph = build_graph(SETTINGS, matrix.variables, topology).graph
    names = [str(variable.entity) for variable in matrix.variables if variable.signal == "cpu"][: chosen.effects]
    asked = [Effect(treatment=f"{name}.cpu", outcome=f"{name}.latency", window=STEP * POINTS // 2) for name in names]
    evaluation = SETTINGS.evaluation.model_copy(update={"workers": chosen.workers})
    asking = EffectsWorker(SETTINGS.model_copy(update={"effects": asked, "evaluation": evaluation}), Workers())
    began, spent, before = time.monotonic(), {}, 0.0
    for _ in range(2):
        asking.ask(matrix, graph)
        while asking.under_way:
            asking.wait(3600)
            used = _of_workers()
            asking.collect()
            found = asking.found
            assert found is not None
            assert len(found.effects) == len(names), asking.notices
            spent[found.checked] = used - before
            before = used
    print(f"{len(names):,} effects, three times: {time.monotonic() - began:.0f} s of the clock")
    asking.workers.stop()
    return spent


def _of_workers() -> float:
    """CPU seconds of the processes that this one has started, and of those that they have started and that ended."""
    total = 0
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(ticks) for ticks in fields[11:15])
    return total / os.sysconf("SC_CLK_TCK")


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
