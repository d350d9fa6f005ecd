"""A simulated system of services that call each other: work, failures and resources, minute by minute."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from datasource.data import Floats

STEP = 60
_CAPACITY = 0.95
_BROUGHT, _NOTHING = 0.1, 1e-9
"""A fault travels along a call that brings its caller this share of what it suffers; less than the other is nothing."""


@dataclass
class System:
    """Services in an order in which callers come first; service 0 is the entry.

    `fan[i, j]` is the mean number of calls to j for each request of i; `waits[i, j]` whether i waits for the answer;
    `parallel[i]` whether it waits for the slowest instead of for all. `own` is seconds of its own for each request,
    `cpu` cpu seconds, `usual` the share of its capacity in use at the usual traffic. `unrest` is the spread of its own
    seconds from minute to minute, `held` the share by which memory and cpu grow when the requests in flight double,
    `retried` the share of failed calls that are made again. When answers take twice as long, users ask less, by about
    `impatient`.
    """

    fan: Floats
    waits: Floats
    parallel: Floats
    own: Floats
    cpu: Floats
    usual: Floats
    memory: Floats
    failing: Floats
    passed_on: Floats
    tail: Floats
    unrest: Floats
    held: Floats
    retried: Floats
    impatient: float
    traffic: float

    @property
    def size(self) -> int:
        """The number of services."""
        return len(self.own)


@dataclass
class Disturbance:
    """What is done to the system, by service and minute: factors of 1 and sums of 0 do nothing.

    `wire[i, j]` are seconds that each call of i to j takes longer, by minute.
    """

    traffic: Floats
    own_factor: Floats
    own_seconds: Floats
    cpu_seconds: Floats
    memory: Floats
    failing: Floats
    wire: dict[tuple[int, int], Floats] = field(default_factory=dict)


def undisturbed(size: int, minutes: int) -> Disturbance:
    """Nothing happens."""
    zero = np.zeros((size, minutes))
    return Disturbance(np.ones(minutes), zero + 1, zero.copy(), zero.copy(), zero.copy(), zero.copy())


def draw_system(rng: np.random.Generator, size: int) -> System:
    """A random call graph of `size` services, each reachable from the entry over one to five hops."""
    fan = np.zeros((size, size))
    depth = np.zeros(size, dtype=int)
    for callee in range(1, size):
        able = np.flatnonzero(depth[:callee] < 4)
        callers = rng.choice(
            able, size=min(able.size, 1 + int(rng.random() < 0.3) + int(rng.random() < 0.15)), replace=False
        )
        fan[callers, callee] = np.exp(rng.normal(-0.2, 0.5, callers.size))
        depth[callee] = depth[callers].max() + 1
    return System(
        fan=fan,
        waits=(fan > 0).astype(float),
        parallel=(rng.random(size) < 0.25).astype(float),
        own=np.exp(rng.normal(np.log(0.012), 0.9, size)),
        cpu=np.exp(rng.normal(np.log(0.004), 0.7, size)),
        usual=rng.uniform(0.15, 0.6, size),
        memory=np.exp(rng.normal(np.log(3e8), 0.6, size)),
        failing=np.exp(rng.normal(np.log(5e-4), 1.0, size)),
        passed_on=rng.uniform(0.3, 1.0, size),
        tail=rng.uniform(2.0, 4.0, size),
        unrest=np.exp(rng.normal(np.log(0.08), 0.7, size)),
        held=rng.uniform(0.0, 0.15, size),
        retried=rng.choice([0.0, 0.5, 1.0], size),
        impatient=float(rng.uniform(0.0, 0.4)),
        traffic=float(np.exp(rng.normal(np.log(60), 0.6))),
    )


class Flow(NamedTuple):
    """Requests per second, seconds per request, and the share that fails, each services x minutes."""

    requests: Floats
    latency: Floats
    failing: Floats


class Run(NamedTuple):
    """Signals by name, each services x minutes, and what truly flowed."""

    signals: dict[str, Floats]
    flow: Flow


def run(system: System, minutes: int, change: Disturbance, rng: np.random.Generator, waiting: bool = False) -> Run:
    """Its signals are requests, work, latency, latency_p95, errors, cpu and memory; with `waiting`, also
    client_latency_p90, over all calls that a service makes."""
    size = system.size
    day = 1 + 0.15 * np.sin(2 * np.pi * (np.arange(minutes) / 1440 + rng.random()))
    arriving = system.traffic * day * np.exp(_noise(rng, 1, minutes, 0.05, 0.8)[0]) * change.traffic
    jitter = np.exp(_noise(rng, size, minutes, 0.03, 0.6))
    restless = np.exp(_noise(rng, size, minutes, 1.0, 0.6) * system.unrest[:, None] + _bursts(rng, size, minutes))
    calm = _flow(system, arriving, change, jitter, restless, np.zeros((size, minutes)))
    usual = np.median(calm.latency[0])
    patience = (calm.latency[0] / usual) ** -system.impatient
    requests, latency, failing = _flow(
        system, arriving * np.minimum(patience, 1.0), change, jitter, restless, calm.failing
    )
    seen = rng.poisson(requests * STEP) / STEP
    spread = 1.2 / np.sqrt(np.maximum(seen * STEP, 1))
    work = seen * latency * np.exp(rng.normal(size=latency.shape) * spread)
    slowest = latency * system.tail[:, None] * np.exp(rng.normal(size=latency.shape) * (0.06 + 2.5 * spread))
    inside = requests * latency
    held = 1 + system.held[:, None] * (inside / np.median(inside, axis=1, keepdims=True) - 1)
    asked = (0.02 + requests * system.cpu[:, None]) * held + change.cpu_seconds
    cpu = asked * np.exp(
        _noise(rng, size, minutes, 0.5, 0.4) * system.unrest[:, None] + 0.5 * _bursts(rng, size, minutes)
    )
    memory = system.memory[:, None] * (held + _noise(rng, size, minutes, 0.02, 0.97) + change.memory)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seen > 0, work / seen, np.nan)
    signals = {
        "requests": seen,
        "work": work,
        "latency": mean,
        "latency_p95": np.where(seen > 0, slowest, np.nan),
        "errors": rng.poisson(seen * STEP * np.clip(failing, 0, 1)) / STEP,
        "cpu": cpu,
        "memory": memory,
    }
    if waiting:
        signals["client_latency_p90"] = _client_p90(system, latency, change, rng)
    return Run(signals, Flow(requests, latency, failing))


def travelled(system: System, change: Disturbance, when: slice, roots: set[int]) -> set[tuple[int, int]]:
    """The calls (caller, callee) along which what `roots` suffer by themselves, or on a link, reached their callers.

    The system is run twice without noise, with the harm and without. A fault travels along a call that brings its
    caller, at these times, at least a tenth of the seconds or of the failures that the caller has more. Of callees that
    are asked at once only the slowest brings seconds.
    """
    ones, zero = np.ones((system.size, change.traffic.size)), np.zeros((system.size, change.traffic.size))
    harmless = undisturbed(system.size, change.traffic.size)
    harmless.traffic = change.traffic
    arriving = system.traffic * change.traffic
    harmed, well = (_flow(system, arriving, what, ones, ones, zero) for what in (change, harmless))
    slower = (harmed.latency - well.latency)[:, when].mean(axis=1)
    failing = (harmed.failing - well.failing)[:, when].mean(axis=1)
    wire = {call: float(seconds[when].mean()) for call, seconds in change.wire.items()}
    own = (change.own_factor - 1 + change.own_seconds + change.failing)[:, when].sum(axis=1) > 0
    reached = {root for root in roots if own[root]} | {callee for _, callee in wire}
    found: set[tuple[int, int]] = set()
    for i in reversed(range(system.size)):
        callees = np.flatnonzero(system.fan[i] * system.waits[i]).tolist()
        spent = {j: system.fan[i, j] * (float(harmed.latency[j, when].mean()) + wire.get((i, j), 0.0)) for j in callees}
        for j in reached.intersection(callees):
            waited_for = not system.parallel[i] or spent[j] == max(spent.values())
            seconds = system.fan[i, j] * (slower[j] + wire.get((i, j), 0.0)) if waited_for else 0.0
            failures = min(system.fan[i, j], 1) * system.passed_on[i] * failing[j]
            if seconds > max(_BROUGHT * slower[i], _NOTHING) or failures > max(_BROUGHT * failing[i], _NOTHING):
                found.add((i, j))
                reached.add(i)
    return found


def _client_p90(system: System, latency: Floats, change: Disturbance, rng: np.random.Generator) -> Floats:
    """What nine in ten calls of a service to others take at most; each takes an exponential time. NaN without calls."""
    found = np.full_like(latency, np.nan)
    for i in range(system.size):
        callees = np.flatnonzero(system.fan[i])
        if callees.size:
            means = np.array([latency[j] + change.wire.get((i, j), 0.0) for j in callees])
            share = system.fan[i, callees][:, None] / system.fan[i].sum()
            low, high = np.zeros(means.shape[1]), 5 * means.max(axis=0)
            for _ in range(20):
                middle = (low + high) / 2
                above = (share * np.exp(-middle / means)).sum(axis=0) > 0.1
                low, high = np.where(above, middle, low), np.where(above, high, middle)
            found[i] = low * np.exp(0.08 * rng.normal(size=low.size))
    return found


def _flow(
    system: System, arriving: Floats, change: Disturbance, jitter: Floats, restless: Floats, failed: Floats
) -> Flow:
    """Requests down the calls, seconds and failures back up; calls that fail as in `failed` are partly made again."""
    requests = np.zeros_like(jitter)
    requests[0] = arriving
    for j in range(1, system.size):
        again = 1 + system.retried[j] * failed[j]
        requests[j] = (system.fan[:, j] @ requests) * again * jitter[j]
    usual = usual_requests(system)[:, None]
    busy = np.minimum(system.usual[:, None] * requests / usual, _CAPACITY)
    queueing = (1 - system.usual[:, None]) / (1 - busy)
    own = system.own[:, None] * restless * queueing * change.own_factor + change.own_seconds
    latency, failing = np.zeros_like(own), np.zeros_like(own)
    for i in reversed(range(system.size)):
        waited = [j for j in np.flatnonzero(system.fan[i]) if system.waits[i, j]]
        spent = [system.fan[i, j] * (latency[j] + change.wire.get((i, j), 0.0)) for j in waited]
        together = np.max if system.parallel[i] else np.sum
        latency[i] = own[i] + (together(spent, axis=0) if spent else 0.0)
        failing[i] = system.failing[i] + change.failing[i]
        failing[i] += sum(np.minimum(system.fan[i, j], 1) * system.passed_on[i] * failing[j] for j in waited)
    return Flow(requests, latency, np.clip(failing, 0, 1))


def _bursts(rng: np.random.Generator, size: int, minutes: int) -> Floats:
    """In one of a hundred minutes something unrelated takes up to three times as long."""
    strength: Floats = rng.uniform(0.2, 1.1, (size, minutes))
    return np.where(rng.random((size, minutes)) < 0.01, strength, 0.0)


def usual_requests(system: System) -> Floats:
    """Requests per second of each service at the usual traffic."""
    requests = np.zeros(system.size)
    requests[0] = system.traffic
    for j in range(1, system.size):
        requests[j] = system.fan[:, j] @ requests
    return requests


def _noise(rng: np.random.Generator, size: int, minutes: int, spread: float, memory: float) -> Floats:
    """AR(1) with this standard deviation."""
    start = rng.normal(size=(size, minutes + 100)) * spread * np.sqrt(1 - memory**2)
    series: Floats = lfilter([1.0], [1.0, -memory], start, axis=-1)[:, 100:]
    return series
