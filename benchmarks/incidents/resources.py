"""A second kind of simulated system: mostly resources are measured, and faults are injected as chaos tools do.

It shares nothing with `system.py`, so that a method that fits the one by accident fails the other: users who wait for
an answer before they ask again, several pods a service of which one is hit, machines that are shared, steps from 15
seconds to 5 minutes, any units, heavy tails, counts, columns that never move, memory that drifts or is collected.
"""

from collections.abc import Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from benchmarks.incidents import faults
from benchmarks.incidents.faults import Fault, Harm
from benchmarks.incidents.incident import Incident
from benchmarks.incidents.resource_system import draw_calls, measure, traced
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.guess import guess_signal
from datasource.settings import Signal

_START = 1_700_000_100
_NAMES: dict[str, tuple[tuple[str, str, float], ...]] = {
    "cpu": (("cpu_cores", "cores", 1.0), ("CpuUsage", "m", 1e3), ("cpu_percent", "%", 25.0)),
    "memory": (("memory_bytes", "bytes", 1.0), ("MemoryUsage", "Mi", 2.0**-20), ("mem", "", 2e-10)),
    "disk_write": (("fs_writes_bytes", "bytes", 1.0), ("DiskWrite", "", 1e-3)),
    "disk_read": (("fs_reads_bytes", "bytes", 1.0), ("DiskRead", "", 1e-3)),
    "received": (("network_receive_bytes", "bytes", 1.0), ("NetworkReceive", "kB", 1e-3)),
    "sent": (("network_transmit_bytes", "bytes", 1.0), ("NetworkTransmit", "kB", 1e-3)),
    "sockets": (("sockets", "", 1.0), ("open_sockets", "", 1.0)),
    "threads": (("threads", "", 1.0), ("process_threads", "", 1.0)),
    "load": (("requests", "", 1.0), ("PodWorkload", "Ops", 1.0)),
    "latency": (("latency_p90", "s", 1.0), ("response_time_ms", "ms", 1e3)),
    "errors": (("errors", "", 1.0), ("request_failures", "", 1.0)),
}
"""What a quantity may be called, its unit, and how much of that is one core, byte, request, second."""
_RARELY = ("disk_read", "sockets", "threads")
_COUNTS = ("sockets", "threads", "errors")


FAULTS: dict[str, Fault] = {
    "resources: cpu hog": faults.cpu,
    "resources: memory": faults.memory,
    "resources: disk": faults.disk,
    "resources: network delay": faults.delay,
    "resources: network loss": faults.loss,
    "resources: sockets": faults.sockets,
    "resources: surge": faults.surge,
    "resources: quiet": faults.nothing,
}
BLAMELESS = ("resources: surge", "resources: quiet")


def simulate_resources(scenario: str, seed: int) -> Incident:
    """The incident of a scenario by name; the same seed gives the same numbers."""
    rng = np.random.default_rng([crc32(scenario.encode()), seed])
    size, step = int(rng.integers(8, 46)), int(rng.choice([15, 30, 60, 300]))
    before, during = int(rng.choice([20, 40, 120, 240])), int(rng.choice([3, 6, 12, 20]))
    during = min(during, before // 2)
    harm = Harm(size, before + during)
    fan = draw_calls(rng, size)
    victim = int(rng.integers(size))
    pods = rng.choice([1, 1, 1, 2, 3], size)
    FAULTS[scenario](harm, victim, slice(before, None), 1 / pods[victim] if rng.random() < 0.5 else 1.0, rng)
    shown = measure(harm, fan, step, pods, rng)
    measured = shown.signals
    outside, load = rng.random() < 0.5, rng.random() < 0.5
    kept = [
        name
        for name in measured
        if not (name in ("latency", "errors") and not outside)
        and not (name == "load" and not (load or outside))
        and not (name in _RARELY and rng.random() < 0.5)
    ]
    names = [f"s{number:02d}" for number in rng.permutation(size)]
    incident = _incident(scenario, seed, rng, {name: measured[name] for name in kept}, fan, names, victim, step, before)
    return replace(incident, traces=traced(harm, fan, shown, names, step))


def _incident(
    scenario: str,
    seed: int,
    rng: np.random.Generator,
    measured: dict[str, Floats],
    fan: Floats,
    names: Sequence[str],
    victim: int,
    step: int,
    before: int,
) -> Incident:
    entities = [Entity("service", (("service", name),)) for name in names]
    signals: dict[str, Signal] = {}
    variables, rows = [], []
    missing = rng.choice([0.0, 0.0, 0.05])
    for name, values in measured.items():
        called, unit, factor = _NAMES[name][int(rng.integers(len(_NAMES[name])))]
        guess = guess_signal(called, unit)
        signals[called] = Signal(
            entity="service", query=called, window=float(step), unit=guess.unit, kind=guess.kind, role=guess.role
        )
        shown = np.rint(values) if name in _COUNTS else values * factor
        for entity, row in zip(entities, shown, strict=True):
            variables.append(Variable(entity, called))
            rows.append(np.where(rng.random(row.size) < missing, np.nan, row))
    values = np.array(rows)
    known = rng.random() < 0.5
    calls = tuple((entities[i], entities[j]) for i, j in zip(*np.nonzero(fan), strict=True)) if known else ()
    late = next((v for v in variables if v.entity == entities[0] and signals[v.signal].role == "latency"), None)
    causes = () if scenario in BLAMELESS else (frozenset({str(entities[victim])}),)
    return Incident(
        f"{scenario} {seed}",
        scenario,
        Matrix(tuple(variables), _START, step, values[:, :before].copy()),
        Matrix(tuple(variables), _START + step * before, step, values[:, before:].copy()),
        signals,
        calls,
        late if rng.random() < 0.5 else None,
        causes,
    )
