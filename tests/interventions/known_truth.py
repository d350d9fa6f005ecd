"""Services whose causes are known: user -> checkout -> page; user -> search is spurious, load moves both."""

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter

from datasource.data import Entity, Matrix, Variable
from datasource.graph import CausalGraph, Edge
from datasource.interventions import Intervention
from datasource.settings import Signal

STEP, START, N = 30, 1_700_006_400, 2880
SIGNALS = {
    "latency": Signal(entity="service", query="q", window=60, unit="s", role="latency"),
    "requests": Signal(entity="service", query="q", window=60, unit="reqps", role="load"),
}


def variable(service: str, signal: str = "latency") -> Variable:
    return Variable(Entity("service", (("service", service),)), signal)


LOAD, USER, CHECKOUT, PAGE, SEARCH = (
    variable("user", "requests"),
    variable("user"),
    variable("checkout"),
    variable("page"),
    variable("search"),
)
GRAPH = CausalGraph(
    (LOAD, USER, CHECKOUT, PAGE, SEARCH),
    (
        Edge(LOAD, USER, 0),
        Edge(LOAD, CHECKOUT, 0),
        Edge(USER, CHECKOUT, 0, "calls"),
        Edge(CHECKOUT, PAGE, 0, "calls"),
        Edge(USER, SEARCH, 0, "calls"),
    ),
)


def noise(rng: np.random.Generator, n: int, memory: float = 0.8) -> np.ndarray:
    shocks = rng.normal(size=n + 100) * np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks)[100:])


def acting(one: Intervention, n: int = N) -> np.ndarray:
    times = START + STEP * np.arange(n)
    periods = one.on or ((one.start, one.end or int(times[-1]) + 1),)
    return np.any([(times > start) & (times <= end) for start, end in periods], axis=0)


def world(throttles: Sequence[tuple[Intervention, float]] = (), n: int = N, seed: int = 1) -> Matrix:
    """Seconds of latency; each of `throttles` adds so much to user. A call of user costs checkout four times."""
    rng = np.random.default_rng(seed)
    shared = noise(rng, n, 0.95)
    load = 100 + 20 * shared + 3 * noise(rng, n)
    user = 0.05 + 0.004 * shared + 0.003 * noise(rng, n)
    search = 0.08 + 0.006 * shared + 0.003 * noise(rng, n)
    for one, size in throttles:
        user = user + size * acting(one, n)
    checkout = 0.1 + 4 * user + 0.0002 * load + 0.006 * noise(rng, n)
    page = 0.2 + checkout + 0.01 * noise(rng, n)
    rows = np.array([load, user, checkout, page, search])
    rows = (rows + np.hstack([rows[:, :1], rows[:, :-1]])) / 2
    return Matrix((LOAD, USER, CHECKOUT, PAGE, SEARCH), START, STEP, rows)


def throttle(first: int = 1800, points: int | None = 120, number: int = 1, target: str = "user") -> Intervention:
    start = START + STEP * first
    end = None if points is None else start + STEP * points
    return Intervention(number, start, "ci", "throttle", (target,), start, end, {"delay_ms": 50})
