"""What the impact of an intervention is worth, on simulated data whose truth is known.

    python benchmarks/interventions.py [--runs 200]

For each design: how often the 95% interval covers the truth, how wide it is, how far the estimate is off, how many
placebo dates show an effect, and how long one takes. Durations are drawn from 3 points to 3 hours.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from datasource.data import Entity, Matrix, Variable
from datasource.effects.structural import fit_structural
from datasource.graph import CausalGraph, Edge
from datasource.interventions.entry import Intervention
from datasource.interventions.impact import Impact, Question, measure
from datasource.interventions.verdicts import verdicts
from datasource.settings import Signal

STEP, START, DAY = 30, 1_700_006_400, 2880
SIGNALS = {name: Signal(entity="service", query="q", window=60) for name in ("latency", "requests")}


def service(name: str) -> Entity:
    return Entity("service", (("service", name),))


CHECKOUT, USER, SEARCH = (Variable(service(name), "latency") for name in ("checkout", "user", "search"))
LOAD = Variable(service("checkout"), "requests")
GRAPH = CausalGraph((CHECKOUT, USER, SEARCH, LOAD), (Edge(LOAD, CHECKOUT, 0), Edge(USER, CHECKOUT, 0)))


class Design(NamedTuple):
    """How an intervention is made in so many days of data, and how it is asked about."""

    days: float
    made: Callable[[np.random.Generator, int], tuple[Intervention, Sequence[Intervention]]]
    compared: tuple[str, ...] = ()
    memory: float = 0.9
    size: float = 24.0
    quiet: float = 1.0


def noise(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """An autoregression of variance 1 beside white noise of variance 1/2."""
    shocks = rng.normal(size=n + 200) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], shocks)[200:] + rng.normal(size=n) * np.sqrt(0.5)


def windowed(values: np.ndarray) -> np.ndarray:
    """As a rate over two steps reads it."""
    return (values + np.append(values[:1], values[:-1])) / 2


def world(
    rng: np.random.Generator, n: int, memory: float, effects: Sequence[tuple[np.ndarray, float]], quiet: float
) -> Matrix:
    """Latencies in ms, with a day cycle of load; `effects` are where something acts on checkout, and by how much.
    `quiet` is a factor of all noise but that of the load."""
    angle = 2 * np.pi * (np.arange(n) + rng.integers(DAY)) / DAY
    load = 100 + 30 * np.sin(angle) + 5 * noise(rng, n, 0.8)
    shared = quiet * 4 * noise(rng, n, 0.95)
    checkout = 120 + 0.5 * load + shared + quiet * 8 * noise(rng, n, memory)
    search = 60 + 0.3 * load + shared + quiet * 6 * noise(rng, n, memory)
    user = 40 + 5 * noise(rng, n, memory)
    for on, size in effects:
        checkout = checkout + size * on
        user = user + size * on
    rows = np.array([windowed(row) for row in (checkout, user, search, load)])
    return Matrix((CHECKOUT, USER, SEARCH, LOAD), START, STEP, rows)


def acts(one: Intervention, n: int) -> np.ndarray:
    """At which steps it acts: a step is the time that ends at its place."""
    times = START + STEP * np.arange(n)
    periods = one.on or ((one.start, one.end or int(times[-1]) + 1),)
    return np.any([(times > start) & (times <= end) for start, end in periods], axis=0).astype(float)


def ended(rng: np.random.Generator, n: int) -> tuple[Intervention, Sequence[Intervention]]:
    points = int(np.exp(rng.uniform(np.log(4), np.log(361))))
    first = int(rng.integers(n // 3, n - points - 60))
    start = START + STEP * first
    return Intervention(1, start, "", "throttle", ("user",), start, start + STEP * points), ()


def lasting(rng: np.random.Generator, n: int) -> tuple[Intervention, Sequence[Intervention]]:
    start = START + STEP * (n - int(np.exp(rng.uniform(np.log(5), np.log(361)))))
    return Intervention(1, start, "", "deploy", ("user",), start), ()


def two_at_once(rng: np.random.Generator, n: int) -> tuple[Intervention, Sequence[Intervention]]:
    one, _ = ended(rng, n - 400)
    length = int(rng.integers(60, 240))
    assert one.end is not None
    begun = one.start + STEP * int(rng.integers(-length // 2, max(2, (one.end - one.start) // STEP)))
    return one, [Intervention(2, begun, "", "deploy", ("user",), begun, begun + STEP * length)]


def switchback(rng: np.random.Generator, n: int) -> tuple[Intervention, Sequence[Intervention]]:
    blocks, each = int(rng.integers(5, 11)), int(rng.integers(10, 30))
    first = START + STEP * int(rng.integers(n // 3, n - 2 * blocks * each - 10))
    on = np.sort(rng.permutation(2 * blocks)[:blocks]).tolist()
    periods = tuple((first + STEP * each * place, first + STEP * each * (place + 1)) for place in on)
    end = first + STEP * each * 2 * blocks
    return Intervention(1, first, "", "toggle", ("user",), first, end, randomised=True, on=periods), ()


def off_for_an_hour(rng: np.random.Generator, n: int) -> tuple[Intervention, Sequence[Intervention]]:
    start = START + STEP * int(rng.integers(n // 4, 3 * n // 4))
    return Intervention(1, start, "", "disable", ("user",), start, start + 3600), ()


DESIGNS = {
    "with an end, a day": Design(1, ended),
    "with an end, three days": Design(3, ended),
    "with an end, errors that last": Design(1, ended, memory=0.98),
    "without an end": Design(1, lasting),
    "comparison group": Design(1, ended, ("search",)),
    "two at once": Design(1, two_at_once),
    "switchback": Design(1, switchback),
    "an hour off, quiet": Design(1, off_for_an_hour, size=-24.0, quiet=0.25),
}


class Run(NamedTuple):
    """One simulated intervention: the truth, what was found, and the seconds it took."""

    truth: float
    found: Impact
    seconds: float


def run(design: Design, seed: int) -> Run:
    """Simulate one intervention, and measure it."""
    rng = np.random.default_rng(seed)
    n = int(design.days * DAY)
    one, others = design.made(rng, n)
    effects = [(acts(one, n), design.size), *((acts(other, n), 15.0) for other in others)]
    matrix = world(rng, n, design.memory, effects, design.quiet)
    began = time.perf_counter()
    found = measure(Question(one, CHECKOUT, others, design.compared), matrix, SIGNALS, GRAPH)
    return Run(design.size, found, time.perf_counter() - began)


def judged(seed: int) -> tuple[str, str]:
    """The verdicts on a true edge and on a spurious one, both of whose ends load moves."""
    rng = np.random.default_rng(seed)
    n = DAY
    one, _ = ended(rng, n)
    shared = noise(rng, n, 0.95)
    load = 100 + 20 * shared + 3 * noise(rng, n, 0.8)
    user = 40 + 4 * shared + 3 * noise(rng, n, 0.8) + 24.0 * acts(one, n)
    checkout = 100 + 4 * user + 6 * noise(rng, n, 0.8)
    search = 80 + 6 * shared + 3 * noise(rng, n, 0.8)
    rows = np.array([windowed(row) for row in (checkout, user, search, load)])
    matrix = Matrix((CHECKOUT, USER, SEARCH, LOAD), START, STEP, rows)
    drawn = CausalGraph(GRAPH.variables, (Edge(USER, CHECKOUT, 0), Edge(USER, SEARCH, 0)))
    first = (one.start - START) // STEP - 1
    model = fit_structural(matrix.between(START, START + first * STEP), drawn, SIGNALS)
    kinds = {verdict.effect: verdict.kind for verdict in verdicts(one, matrix, SIGNALS, model)}
    return kinds[CHECKOUT], kinds[SEARCH]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    print(f"{'design':30} answered  covers  width   error  placebo  ms")
    for name, design in DESIGNS.items():
        every = [run(design, seed) for seed in range(runs)]
        done = [one for one in every if np.isfinite(one.found.average.lower)]
        inside = [one.found.average.lower <= one.truth <= one.found.average.upper for one in done]
        widths = [one.found.average.upper - one.found.average.lower for one in done]
        errors = [abs(one.found.average.value - one.truth) for one in done]
        dates = sum(one.found.placebo_dates for one in done)
        seen = sum(one.found.placebo_found for one in done) / max(dates, 1)
        spent = 1000 * np.median([one.seconds for one in every])
        print(
            f"{name:30} {len(done):4}/{runs:<4} {np.mean(inside):6.1%} {np.median(widths):6.1f} "
            f"{np.median(errors):6.2f} {seen:7.1%} {spent:4.0f}"
        )
    found = [judged(seed) for seed in range(runs)]
    for place, name in enumerate(("a true edge", "a spurious edge")):
        counts = Counter(one[place] for one in found)
        print(f"{name:30} " + ", ".join(f"{kind} {counts[kind] / runs:.1%}" for kind in sorted(counts)))


if __name__ == "__main__":
    main()
