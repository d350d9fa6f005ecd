"""One simulated incident being made: a random system, what is done to it, and what is known of the truth."""

from zlib import crc32

import numpy as np

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.system import (
    STEP,
    Disturbance,
    System,
    draw_system,
    run,
    travelled,
    undisturbed,
    usual_requests,
)
from benchmarks.incidents.traces import observe
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.settings import Signal

SIGNALS = {
    "requests": Signal(entity="service", query="requests", window=60.0, unit="reqps", kind="rate", role="load"),
    "work": Signal(entity="service", query="work", window=60.0, unit="s", kind="rate", role="work"),
    "latency": Signal(entity="service", query="latency", window=60.0, unit="s", role="latency"),
    "latency_p95": Signal(
        entity="service", query="latency_p95", window=60.0, unit="s", kind="quantile", role="latency"
    ),
    "client_latency_p90": Signal(
        entity="service", query="client_latency_p90", window=60.0, unit="s", kind="quantile", role="latency"
    ),
    "errors": Signal(entity="service", query="errors", window=60.0, unit="reqps", kind="rate", role="failure"),
    "cpu": Signal(entity="service", query="cpu", window=60.0, unit="cores", role="saturation"),
    "memory": Signal(entity="service", query="memory", window=60.0, unit="bytes", role="saturation"),
}
_START = 1_700_000_040
KINDS = ("slow code", "cpu hog", "memory leak", "errors")


class Draw:
    """One incident being made: a system, its disturbance, and what is known of the truth."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.system: System = draw_system(rng, int(rng.integers(10, 41)))
        self.before = int(rng.choice([45, 90, 180]))
        self.during = int(rng.choice([3, 5, 10]))
        self.change: Disturbance = undisturbed(self.system.size, self.minutes)
        self.causes: list[frozenset[int]] = []
        self.symptom: tuple[int, str] | None = (0, "latency")
        self.unmeasured: set[int] = set()
        self.extra: list[tuple[int, int]] = []
        self.left_out: list[tuple[int, int]] = []
        self.waiting = False
        self.missing = 0.01
        self.late = 0

    @property
    def minutes(self) -> int:
        """Baseline and incident."""
        return self.before + self.during

    @property
    def now(self) -> slice:
        """The minutes of the fault, which begins `late` minutes before the incident is noticed."""
        return slice(self.before - self.late, None)

    def pick(self, share: float = 0.03, among: Floats | None = None) -> int:
        """A service of whose requests the entry sees something, never the entry itself more often than others."""
        able = np.flatnonzero(usual_requests(self.system) >= share * self.system.traffic)
        if among is not None and np.intersect1d(able, among).size:
            able = np.intersect1d(able, among)
        return int(self.rng.choice(able))

    def break_service(self, service: int, strength: float = 1.0, kind: str = "") -> None:
        """Break it in one of four ways; `strength` 1 at least doubles its seconds or fails every twentieth request."""
        kind = kind or str(self.rng.choice(KINDS))
        size = strength * float(self.rng.uniform(0.5, 3.0))
        factor, cpu, memory = self.change.own_factor, self.change.cpu_seconds, self.change.memory
        if kind == "errors":
            self.change.failing[service, self.now] += 0.05 * size
            self.symptom = (0, "errors")
        elif kind == "memory leak":
            ramp = np.linspace(0.3, 1.0, self.during + self.late)
            memory[service, self.now] += 0.3 * size * ramp
            factor[service, self.now] += size * ramp
        else:
            factor[service, self.now] += size
        if kind == "cpu hog":
            usual = 0.02 + usual_requests(self.system)[service] * self.system.cpu[service]
            cpu[service, self.now] += usual * size
        self.causes.append(frozenset({service}))

    def unrelated(self) -> None:
        """A job or a cache in some other service, from a little before the incident on: it harms nobody."""
        service = int(self.rng.integers(self.system.size))
        since = slice(self.before - int(self.rng.integers(0, 6)), None)
        if self.rng.random() < 0.5:
            usual = 0.02 + usual_requests(self.system)[service] * self.system.cpu[service]
            self.change.cpu_seconds[service, since] += usual * self.rng.uniform(0.2, 0.6)
        else:
            self.change.memory[service, since] += self.rng.uniform(0.05, 0.2)

    def incident(self, name: str, group: str) -> Incident:
        """Run the system, and cut what was measured in two."""
        rng = self.rng
        signals, flow = run(self.system, self.minutes, self.change, rng, self.waiting)
        entities = [Entity("service", (("service", _name(i)),)) for i in range(self.system.size)]
        variables, rows = [], []
        for i, entity in enumerate(entities):
            for signal, values in signals.items():
                if i not in self.unmeasured:
                    variables.append(Variable(entity, signal))
                    rows.append(np.where(rng.random(self.minutes) < self.missing, np.nan, values[i]))
        values = np.array(rows)
        edges = [(i, j) for i, j in zip(*np.nonzero(self.system.fan), strict=True)]
        edges = [edge for edge in edges if edge not in self.left_out] + self.extra
        at = self.symptom
        path = travelled(self.system, self.change, self.now, {i for cause in self.causes for i in cause})
        return Incident(
            name,
            group,
            Matrix(tuple(variables), _START, STEP, values[:, : self.before].copy()),
            Matrix(tuple(variables), _START + STEP * self.before, STEP, values[:, self.before :].copy()),
            SIGNALS,
            tuple((entities[i], entities[j]) for i, j in edges),
            None if at is None else Variable(entities[at[0]], at[1]),
            tuple(frozenset(_name(i) for i in cause) for cause in self.causes),
            frozenset((_name(caller), _name(callee)) for caller, callee in path),
            observe(
                np.random.default_rng([crc32(b"traces"), self.system.size, self.minutes]),
                [_name(i) for i in range(self.system.size)],
                self.system.fan,
                *flow,
                self.change.wire,
                STEP,
                frozenset(self.unmeasured),
            ),
        )


def _name(number: int) -> str:
    return f"s{number:02d}"
