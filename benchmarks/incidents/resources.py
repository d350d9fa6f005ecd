"""A second kind of simulated system: mostly resources are measured, and faults are injected as chaos tools do.

It shares nothing with `system.py`, so that a method that fits the one by accident fails the other: users who wait for
an answer before they ask again, several pods a service of which one is hit, machines that are shared, steps from 15
seconds to 5 minutes, any units, heavy tails, counts, columns that never move, memory that drifts or is collected.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from scipy.signal import lfilter

from benchmarks.incidents.incident import Incident
from datasource.settings import Signal
from datasource.telemetry import Entity, Floats, Matrix, Variable
from datasource.telemetry.guess import guess_signal

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


@dataclass
class _Run:
    """What is done to a system of services, by service and time; `link` is what calls to or from it take longer."""

    size: int
    points: int

    def __post_init__(self) -> None:
        zero = np.zeros((self.size, self.points))
        self.users = np.ones(self.points)
        self.slower, self.link, self.lost, self.cpu = zero + 1, zero.copy(), zero.copy(), zero.copy()
        self.memory, self.written, self.read, self.sockets = zero.copy(), zero.copy(), zero.copy(), zero.copy()


Fault = Callable[[_Run, int, slice, float, np.random.Generator], None]
"""Does its harm to a service at these times; of its pods the share `hit` is concerned."""


def _cpu(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    run.cpu[at, when] += hit * rng.uniform(1.5, 8)
    run.slower[at, when] += hit * rng.uniform(0.2, 2)


def _memory(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    ramp = np.minimum(1.0, (1 + np.arange(run.points)[when] - when.start) / max(1, (run.points - when.start) * 0.6))
    run.memory[at, when] += hit * rng.uniform(0.3, 3) * ramp
    run.cpu[at, when] += hit * rng.uniform(0, 0.3)
    run.slower[at, when] += hit * rng.uniform(0, 0.4) * ramp


def _disk(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    run.written[at, when] += hit * np.exp(rng.uniform(np.log(3e5), np.log(1e8)))
    run.read[at, when] += hit * (rng.random() < 0.5) * np.exp(rng.uniform(np.log(3e5), np.log(1e8)))
    run.cpu[at, when] += hit * rng.uniform(0, 0.5)
    run.slower[at, when] += hit * rng.uniform(0, 1)


def _delay(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    run.link[at, when] += hit * rng.uniform(0.05, 1.0)


def _loss(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    share = hit * rng.uniform(0.1, 0.5)
    run.lost[at, when] += share
    run.link[at, when] += share * rng.uniform(0.1, 1.0)


def _sockets(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    run.sockets[at, when] += hit * rng.uniform(2, 20)
    run.cpu[at, when] += hit * rng.uniform(0, 0.5)
    run.lost[at, when] += hit * rng.uniform(0, 0.1)
    run.slower[at, when] += hit * rng.uniform(0, 1)


def _surge(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    run.users[when] *= rng.uniform(1.3, 2.0)


def _nothing(run: _Run, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    pass


FAULTS: dict[str, Fault] = {
    "resources: cpu hog": _cpu,
    "resources: memory": _memory,
    "resources: disk": _disk,
    "resources: network delay": _delay,
    "resources: network loss": _loss,
    "resources: sockets": _sockets,
    "resources: surge": _surge,
    "resources: quiet": _nothing,
}
BLAMELESS = ("resources: surge", "resources: quiet")


def simulate_resources(scenario: str, seed: int) -> Incident:
    """The incident of a scenario by name; the same seed gives the same numbers."""
    rng = np.random.default_rng([crc32(scenario.encode()), seed])
    size, step = int(rng.integers(8, 46)), int(rng.choice([15, 30, 60, 300]))
    before, during = int(rng.choice([20, 40, 120, 240])), int(rng.choice([3, 6, 12, 20]))
    during = min(during, before // 2)
    run = _Run(size, before + during)
    fan = _calls(rng, size)
    victim = int(rng.integers(size))
    pods = rng.choice([1, 1, 1, 2, 3], size)
    FAULTS[scenario](run, victim, slice(before, None), 1 / pods[victim] if rng.random() < 0.5 else 1.0, rng)
    measured = _measure(run, fan, step, pods, rng)
    outside, load = rng.random() < 0.5, rng.random() < 0.5
    kept = [
        name
        for name in measured
        if not (name in ("latency", "errors") and not outside)
        and not (name == "load" and not (load or outside))
        and not (name in _RARELY and rng.random() < 0.5)
    ]
    return _incident(scenario, seed, rng, {name: measured[name] for name in kept}, fan, victim, step, before)


def _calls(rng: np.random.Generator, size: int) -> Floats:
    """Calls for each request of the caller (row); callers come first."""
    fan = np.zeros((size, size))
    for callee in range(1, size):
        callers = rng.integers(max(0, callee - 8), callee, size=1 + int(rng.random() < 0.35))
        fan[callers, callee] = rng.choice([0.3, 0.5, 1.0, 1.0, 2.0], callers.size)
    return fan


def _measure(run: _Run, fan: Floats, step: int, pods: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    """What a system of services shows, each services x points."""
    size, points = run.size, run.points
    unrest = np.exp(rng.normal(np.log(0.06), 0.6, size))[:, None]
    own = np.exp(rng.normal(np.log(0.01), 1.0, size))[:, None]
    usual = own * run.slower * np.exp(unrest * _heavy(rng, size, points, 0.4))
    users = np.exp(rng.normal(np.log(40), 1.0)) * run.users * np.exp(0.08 * _noise(rng, 1, points, 0.7)[0])
    thinking = rng.uniform(0.1, 2.0)
    room = rng.uniform(1.5, 8.0, size)[:, None]
    rates, latency = _flow(run, fan, usual, users, thinking, room)
    seen = rng.poisson(np.clip(rates * step, 0, 1e9)) / step
    flight = rates * latency
    lost = run.lost + 0.5 * (fan @ run.lost)
    idle = np.exp(rng.normal(np.log(0.01), 1.0, size))[:, None]
    each = np.exp(rng.normal(np.log(0.003), 0.8, size))[:, None]
    cpu = (idle + each * seen) * np.exp(unrest * _heavy(rng, size, points, 0.3))
    cron = (rng.random((size, points)) < 0.01) * rng.uniform(0.2, 2, (size, points))
    level = np.median(idle + each * seen, axis=1, keepdims=True)
    cpu += level * (run.cpu + cron) + 0.05 * _neighbours(run.cpu, size, rng) * level
    base = np.exp(rng.normal(np.log(2e8), 0.8, size))[:, None]
    drift = rng.choice([0.0, 0.0, 0.3], size)[:, None] * (np.arange(points) / points)
    sawtooth = rng.choice([0.0, 0.0, 0.2], size)[:, None] * ((np.arange(points) / rng.integers(5, 40, (size, 1))) % 1)
    wander = np.cumsum(rng.normal(size=(size, points)), axis=1) * rng.choice([0, 1e-3, 4e-3], size)[:, None]
    memory = base * (1 + drift + sawtooth + wander + run.memory) + 2e5 * flight
    flushing = rng.random((size, points)) < rng.uniform(0.02, 0.4, (size, 1))
    writes = np.where(rng.random((size, 1)) < 0.6, 0.0, rng.lognormal(9, 1.5, (size, points))) * flushing
    stores = (rng.random((size, 1)) < 0.15) * 4e3 * seen
    packets = np.exp(unrest * _heavy(rng, size, points, 0.2))
    request, answer = (np.exp(rng.normal(np.log(2e3), 0.8, (size, 1))) for _ in range(2))
    calls_out = fan @ request
    get_through = 1 - 0.6 * run.lost
    return {
        "cpu": cpu,
        "memory": np.where(rng.random((size, 1)) < 0.1, base * (1 + run.memory), memory),
        "disk_write": writes + stores * packets + run.written,
        "disk_read": 0.3 * writes * (rng.random((size, 1)) < 0.5) + run.read,
        "received": (seen * (request + fan @ answer) * get_through + 50) * packets,
        "sent": (seen * (answer + calls_out) * get_through + 50) * packets,
        "sockets": rng.poisson(4 * pods[:, None] * (1 + run.sockets) + np.clip(2 * flight, 0, 1e6)),
        "threads": np.rint(10 * pods[:, None] + rng.integers(0, 30, (size, 1)) + np.clip(flight, 0, 200)),
        "load": seen,
        "latency": np.where(seen > 0, latency * 2.2 * np.exp(0.05 * rng.normal(size=latency.shape)), np.nan),
        "errors": rng.poisson(np.clip(seen * step * (2e-4 + np.clip(lost, 0, 1) * 0.3), 0, 1e9)),
    }


def _flow(run: _Run, fan: Floats, own: Floats, users: Floats, thinking: float, room: Floats) -> tuple[Floats, Floats]:
    """Requests a second and seconds a request; users think, ask, and wait: what is slower is asked less."""
    each = np.zeros(run.size)
    each[0] = 1.0
    for callee in range(1, run.size):
        each[callee] = fan[:, callee] @ each
    rates = each[:, None] * users / thinking
    full = np.median(rates, axis=1, keepdims=True) * room
    for _ in range(6):
        latency = own / (1 - np.minimum(rates / full, 0.9))
        for caller in reversed(range(run.size)):
            for callee in np.flatnonzero(fan[caller]):
                latency[caller] += fan[caller, callee] * (latency[callee] + run.link[callee] + run.link[caller])
        rates = 0.5 * rates + 0.5 * each[:, None] * users / (thinking + latency[0] + run.link[0])
    return rates, latency


def _incident(
    scenario: str,
    seed: int,
    rng: np.random.Generator,
    measured: dict[str, Floats],
    fan: Floats,
    victim: int,
    step: int,
    before: int,
) -> Incident:
    entities = [Entity("service", (("service", f"s{number:02d}"),)) for number in rng.permutation(len(fan))]
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


def _neighbours(cpu: Floats, size: int, rng: np.random.Generator) -> Floats:
    """What is used more by others on the same machine."""
    machine = rng.integers(0, max(2, size // 6), size)
    same = (machine[:, None] == machine[None, :]).astype(float)
    np.fill_diagonal(same, 0.0)
    found: Floats = same @ cpu
    return found


def _heavy(rng: np.random.Generator, size: int, points: int, memory: float) -> Floats:
    """AR(1) of Student's t with three degrees of freedom."""
    found: Floats = lfilter([1.0], [1.0, -memory], rng.standard_t(3, (size, points + 50)), axis=-1)[:, 50:]
    return found


def _noise(rng: np.random.Generator, size: int, points: int, memory: float) -> Floats:
    """AR(1) of about unit variance."""
    start = rng.normal(size=(size, points + 100)) * np.sqrt(1 - memory**2)
    found: Floats = lfilter([1.0], [1.0, -memory], start, axis=-1)[:, 100:]
    return found
