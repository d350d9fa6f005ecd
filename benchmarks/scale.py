"""What the service costs at 100 to 10,000 services: CPU and memory of the graph, a full refit and one evaluation.

    python benchmarks/scale.py [--services 100 300 ...] [--points 2880] [--ticks 3] [--workers 1]

Each size goes through the service's own evaluator and its worker processes, in a process of its own: a baseline every
30 s, the first fit, then evaluations with a new point each. Six signals a service (requests, busy, errors, latency,
cpu, memory), two callees a service and the causes that `init` writes; one of a hundred services is slow at the end, so
that there are verdicts to reach. Of 10,000 services a quarter of the points is taken, and of 3,000 both, so that each
exponent is between runs of as many points; effects are measured up to 1,000. "graph" is all that a refit costs the
clock's process, "expose" the samples of /metrics. Memory is without the world's own. Exit code 1 where a floor is
missed.
"""

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, nan
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.scaled_world import SIGNALS, STEP, World, WorldReader
from datasource.service import Evaluator, samples
from datasource.service.memory import memory_of
from datasource.service.packing import packed
from datasource.service.stages import Stages
from datasource.settings import Loaded, parse_settings

SETTINGS = """
prometheus: {{url: 'http://prometheus:9090', latency_offset: 0s, max_points: 11000, max_series: 100000}}
step: 30s
baseline: {baseline}s
evaluation: {{workers: {workers}}}
entities: {{service: {{labels: [service]}}}}
signals:
  requests: {{entity: service, query: requests, window: 60s, role: load}}
  busy: {{entity: service, query: busy, window: 60s, role: work}}
  errors: {{entity: service, query: errors, window: 60s, role: failure}}
  latency: {{entity: service, query: latency, window: 60s, role: latency}}
  cpu: {{entity: service, query: cpu, window: 60s, role: saturation}}
  memory: {{entity: service, query: memory, window: 60s, role: saturation}}
relations: {{calls: {{source: service_graph}}}}
graph:
  templates:
    - requests -> cpu
    - requests -> memory
    - requests -> errors
    - requests -> latency
    - requests -> busy
    - cpu -> latency
    - cpu -> busy
    - memory -> latency
    - memory -> busy
    - requests -> requests along calls from client to server
    - latency -> latency along calls from server to client
    - busy -> busy along calls from server to client
    - errors -> errors along calls from server to client
"""
SIZES = ((100, 2880), (300, 2880), (1000, 2880), (3000, 2880), (3000, 720), (10000, 720))
EVALUATION = {1000: 0.3, 10000: 4.0}
"""Seconds of CPU that an evaluation may take at a size, reading apart."""
EXPONENT, STATE = 1.05, 8.0
"""The largest exponent of CPU in size, and kilobytes that are kept of a variable."""
EFFECTS = 1000
"""Services up to which the process of effects is measured too: what-if and the test of the graph, no effect asked."""
STAGES = ("graph", "refit", "effects", "read", "evaluation", "expose")


class CpuStages(Stages):
    """Stages whose seconds are CPU of this process."""

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        """Count what is done within as one run of a stage."""
        began = time.process_time()
        try:
            yield
        finally:
            self.add(name, time.process_time() - began)

    def seconds(self, name: str) -> float:
        """All there were of a stage."""
        return self.totals[name].seconds if name in self.totals else 0.0


def used() -> tuple[float, float]:
    """CPU (seconds) of this process and of its children that ended, and gigabytes at most of the largest of these."""
    whose = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in whose), max(one.ru_maxrss for one in whose) / 1e6


def measure(services: int, points: int, ticks: int, workers: int) -> dict[str, Any]:
    """One size: CPU (seconds) by stage, gigabytes of the clock's process and of the fit's, kilobytes a variable."""
    world = World(services, points, ticks + 1)
    settings = parse_settings(SETTINGS.format(baseline=points * STEP, workers=workers))
    reader = WorldReader(settings, world)
    evaluator = Evaluator(Loaded(settings, ""), reader)
    evaluator.stages = stages = CpuStages()
    if services > EFFECTS:
        evaluator.asking.ask = lambda *_: None  # type: ignore[method-assign]
        evaluator.falsifying.begin = lambda *_: None  # type: ignore[method-assign]
    try:
        before = {name: one.submit(used).result()[0] for name, one in _processes(evaluator).items()}
        began = time.monotonic()
        evaluator.evaluate(world.at(points - 1))
        took = time.monotonic() - began
        while evaluator.asking.wait(600):
            evaluator.asking.collect()
        after = {name: one.submit(used).result() for name, one in _processes(evaluator).items()}
        cpu = {name: seconds - before[name] for name, (seconds, _) in after.items()}
        cpu["effects"] = cpu["effects"] if services <= EFFECTS else nan
        cpu["graph"] = stages.seconds("refit")
        evaluations, reads = [], []
        started = time.process_time()
        for tick in range(ticks):
            read, written = stages.seconds("read"), reader.writing
            snapshot = evaluator.evaluate(world.at(points + tick))
            reads.append(stages.seconds("read") - read - (reader.writing - written))
            before_it, started = started, time.process_time()  # what is put off until after an evaluation counts, too
            evaluations.append(started - before_it - (stages.seconds("read") - read))
        cpu |= {"read": median(reads), "evaluation": median(evaluations)}
        started = time.process_time()
        exposed = len(list(samples(snapshot)))
        cpu["expose"] = time.process_time() - started
        memory = memory_of(snapshot)
        assert snapshot.judgement is not None
        return {
            "services": services,
            "points": points,
            "edges": len(snapshot.graph.edges),
            "verdicts": len(snapshot.judgement.verdicts),
            "samples": exposed,
            "cpu": cpu,
            "first": took,
            "clock_gb": used()[1] - world.bytes / 1e9,
            "fit_gb": after["refit"][1],
            "state_kb": len(pickle.dumps(snapshot.mechanisms)) / len(snapshot.matrix.variables) / 1e3,
            "stored_kb": len(packed(memory)) / len(snapshot.matrix.variables) / 1e3,
        }
    finally:
        evaluator.stop()


def _processes(evaluator: Evaluator) -> dict[str, Any]:
    return {"refit": evaluator.workers, "effects": evaluator.asking.workers}


def exponents(rows: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    """The exponent of each stage's CPU in the number of services, over the runs of as many points."""
    found: dict[str, dict[int, float]] = {}
    for points in dict.fromkeys(row["points"] for row in rows):
        alike = [row for row in rows if row["points"] == points]
        if len(alike) > 1:
            for stage in STAGES:
                known = [row for row in alike if isfinite(row["cpu"][stage])]
                if len(known) > 1:
                    sizes = np.log([row["services"] for row in known])
                    cpu = np.log([max(row["cpu"][stage], 1e-6) for row in known])
                    found.setdefault(stage, {})[points] = float(np.polyfit(sizes, cpu, 1)[0])
    return found


def missed(rows: list[dict[str, Any]], grown: dict[str, dict[int, float]]) -> Iterator[str]:
    """The floors that are missed, in words."""
    for row in rows:
        most = EVALUATION.get(row["services"])
        if most and row["cpu"]["evaluation"] > most:
            yield f"an evaluation of {row['services']:,} services takes {row['cpu']['evaluation']:.2f} s, not {most} s"
        if row["state_kb"] > STATE:
            yield f"{row['state_kb']:.1f} kB a variable at {row['services']:,} services, not {STATE}"
    for stage, by_points in grown.items():
        for points, exponent in by_points.items():
            if exponent > EXPONENT:
                yield f"{stage} grows with the power {exponent:.2f} at {points:,} points, not {EXPONENT}"


def main() -> int:
    """Measure every size, print, and say which floors are missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, nargs="+")
    parser.add_argument("--points", type=int)
    parser.add_argument("--ticks", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.services[0], asked.points, asked.ticks, asked.workers)))
        return 0
    sizes = [(services, asked.points or 2880) for services in asked.services] if asked.services else SIZES
    print("| services | variables | points | " + " | ".join(f"{stage}, s" for stage in STAGES), end="", flush=True)
    print(" | first fit, s of the clock | clock, GB | fit, GB | kB a variable | verdicts |")
    print("|" + "---|" * (len(STAGES) + 8))
    rows = []
    for services, points in sizes:
        command = [sys.executable, __file__, "--one", "--services", str(services), "--points", str(points)]
        command += ["--ticks", str(asked.ticks), "--workers", str(asked.workers)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ)
        rows.append(row := json.loads(done.stdout))
        cpu = " | ".join(f"{row['cpu'][stage]:.3g}" for stage in STAGES)
        print(f"| {services:,} | {services * len(SIGNALS):,} | {points:,} | {cpu} | {row['first']:.0f}", end="")
        print(
            f" | {row['clock_gb']:.2f} | {row['fit_gb']:.2f} | {row['state_kb']:.1f} | {row['verdicts']} |", flush=True
        )
    grown = exponents(rows)
    for stage, by_points in grown.items():
        told = ", ".join(f"{exponent:.2f} ({points:,} points)" for points, exponent in by_points.items())
        print(f"exponent of {stage}: {told}")
    failures = list(missed(rows, grown))
    for failure in failures:
        print(f"MISSED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
