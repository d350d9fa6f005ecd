"""Services that users wait for before they ask again, and what their resources show."""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.signal import lfilter

from benchmarks.incidents.faults import Harm
from benchmarks.incidents.traces import Traces, observe
from datasource.data import Floats


def draw_calls(rng: np.random.Generator, size: int) -> Floats:
    """Calls for each request of the caller (row); callers come first."""
    fan = np.zeros((size, size))
    for callee in range(1, size):
        callers = rng.integers(max(0, callee - 8), callee, size=1 + int(rng.random() < 0.35))
        fan[callers, callee] = rng.choice([0.3, 0.5, 1.0, 1.0, 2.0], callers.size)
    return fan


class Shown(NamedTuple):
    """What a system of services shows, by name; requests per second, seconds per request and the share that fails; each
    services x points."""

    signals: dict[str, Floats]
    requests: Floats
    latency: Floats
    failing: Floats


def measure(harm: Harm, fan: Floats, step: int, pods: Floats, rng: np.random.Generator) -> Shown:
    """Let users ask it, harmed as it is."""
    size, points = harm.size, harm.points
    unrest = np.exp(rng.normal(np.log(0.06), 0.6, size))[:, None]
    own = np.exp(rng.normal(np.log(0.01), 1.0, size))[:, None]
    usual = own * harm.slower * np.exp(unrest * _heavy(rng, size, points, 0.4))
    users = np.exp(rng.normal(np.log(40), 1.0)) * harm.users * np.exp(0.08 * _noise(rng, 1, points, 0.7)[0])
    thinking = rng.uniform(0.1, 2.0)
    room = rng.uniform(1.5, 8.0, size)[:, None]
    rates, latency = _flow(harm, fan, usual, users, thinking, room)
    seen = rng.poisson(np.clip(rates * step, 0, 1e9)) / step
    flight = rates * latency
    lost = harm.lost + 0.5 * (fan @ harm.lost)
    idle = np.exp(rng.normal(np.log(0.01), 1.0, size))[:, None]
    each = np.exp(rng.normal(np.log(0.003), 0.8, size))[:, None]
    cpu = (idle + each * seen) * np.exp(unrest * _heavy(rng, size, points, 0.3))
    cron = (rng.random((size, points)) < 0.01) * rng.uniform(0.2, 2, (size, points))
    level = np.median(idle + each * seen, axis=1, keepdims=True)
    cpu += level * (harm.cpu + cron) + 0.05 * _neighbours(harm.cpu, size, rng) * level
    base = np.exp(rng.normal(np.log(2e8), 0.8, size))[:, None]
    drift = rng.choice([0.0, 0.0, 0.3], size)[:, None] * (np.arange(points) / points)
    sawtooth = rng.choice([0.0, 0.0, 0.2], size)[:, None] * ((np.arange(points) / rng.integers(5, 40, (size, 1))) % 1)
    wander = np.cumsum(rng.normal(size=(size, points)), axis=1) * rng.choice([0, 1e-3, 4e-3], size)[:, None]
    memory = base * (1 + drift + sawtooth + wander + harm.memory) + 2e5 * flight
    flushing = rng.random((size, points)) < rng.uniform(0.02, 0.4, (size, 1))
    writes = np.where(rng.random((size, 1)) < 0.6, 0.0, rng.lognormal(9, 1.5, (size, points))) * flushing
    stores = (rng.random((size, 1)) < 0.15) * 4e3 * seen
    packets = np.exp(unrest * _heavy(rng, size, points, 0.2))
    request, answer = (np.exp(rng.normal(np.log(2e3), 0.8, (size, 1))) for _ in range(2))
    calls_out = fan @ request
    get_through = 1 - 0.6 * harm.lost
    runs = 1 - harm.down
    failing = 2e-4 + np.clip(lost, 0, 1) * 0.3
    signals = {
        "cpu": cpu * runs,
        "memory": np.where(rng.random((size, 1)) < 0.1, base * (1 + harm.memory), memory) * runs,
        "disk_write": writes + stores * packets + harm.written,
        "disk_read": 0.3 * writes * (rng.random((size, 1)) < 0.5) + harm.read,
        "received": (seen * (request + fan @ answer) * get_through + 50) * packets * runs,
        "sent": (seen * (answer + calls_out) * get_through + 50) * packets * runs,
        "sockets": rng.poisson((4 * pods[:, None] * (1 + harm.sockets) + np.clip(2 * flight, 0, 1e6)) * runs),
        "threads": np.rint(10 * pods[:, None] + rng.integers(0, 30, (size, 1)) + np.clip(flight, 0, 200)),
        "load": seen * runs,
        "latency": np.where(seen > 0, latency * 2.2 * np.exp(0.05 * rng.normal(size=latency.shape)), np.nan),
        "errors": rng.poisson(np.clip(seen * step * failing, 0, 1e9)),
    }
    return Shown(signals, rates * runs, latency, failing)


def traced(harm: Harm, fan: Floats, shown: Shown, names: Sequence[str], step: int) -> Traces:
    """What spans and log lines would have counted; who calls, or is called, over a slow link waits longer."""
    wire = {(int(i), int(j)): harm.link[i] + harm.link[j] for i, j in zip(*np.nonzero(fan), strict=True)}
    rng = np.random.default_rng([crc32(b"traces"), harm.size, harm.points])
    return observe(rng, names, fan, shown.requests, shown.latency, shown.failing, wire, step)


def _flow(harm: Harm, fan: Floats, own: Floats, users: Floats, thinking: float, room: Floats) -> tuple[Floats, Floats]:
    """Requests a second and seconds a request; users think, ask, and wait: what is slower is asked less."""
    each = np.zeros(harm.size)
    each[0] = 1.0
    for callee in range(1, harm.size):
        each[callee] = fan[:, callee] @ each
    rates = each[:, None] * users / thinking
    full = np.median(rates, axis=1, keepdims=True) * room
    for _ in range(6):
        latency = own / (1 - np.minimum(rates / full, 0.9))
        for caller in reversed(range(harm.size)):
            for callee in np.flatnonzero(fan[caller]):
                latency[caller] += fan[caller, callee] * (latency[callee] + harm.link[callee] + harm.link[caller])
        rates = 0.5 * rates + 0.5 * each[:, None] * users / (thinking + latency[0] + harm.link[0])
    return rates, latency


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
