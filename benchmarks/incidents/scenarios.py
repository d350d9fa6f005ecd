"""The scenarios of the simulated suite, from easy to hard; each knows its root causes."""

from collections.abc import Callable
from zlib import crc32

import numpy as np

from benchmarks.incidents.draw import KINDS, Draw
from benchmarks.incidents.incident import Incident
from benchmarks.incidents.resources import FAULTS, simulate_resources
from benchmarks.incidents.seconds import FAULTS as SECONDS
from benchmarks.incidents.seconds import simulate_seconds
from benchmarks.incidents.system import usual_requests


def _one_fault(draw: Draw) -> None:
    draw.break_service(draw.pick())


def _weak_fault(draw: Draw) -> None:
    draw.break_service(draw.pick(), 0.2)


def _two_roots(draw: Draw) -> None:
    first = draw.pick()
    second = draw.pick()
    while second == first:
        second = draw.pick(0.0)
    kind = str(draw.rng.choice(KINDS))
    draw.break_service(first, kind=kind)
    draw.break_service(second, kind=kind)


def _confounded_load(draw: Draw) -> None:
    draw.change.traffic[draw.now] *= draw.rng.uniform(1.2, 1.5)
    draw.break_service(draw.pick())


def _unmeasured(draw: Draw) -> None:
    service = draw.pick(among=np.arange(1, draw.system.size))
    while service == 0:
        service = int(draw.rng.integers(1, draw.system.size))
    draw.break_service(service)
    draw.unmeasured.add(service)
    draw.causes = [frozenset({service, *np.flatnonzero(draw.system.fan[:, service]).tolist()})]


def _noisy_neighbour(draw: Draw) -> None:
    size = draw.system.size
    hog, *others = (int(i) for i in draw.rng.choice(np.arange(1, size), size=4, replace=False))
    usual = 0.02 + usual_requests(draw.system)[hog] * draw.system.cpu[hog]
    draw.change.cpu_seconds[hog, draw.now] += usual * draw.rng.uniform(3, 6)
    for neighbour in others:
        draw.change.own_factor[neighbour, draw.now] += draw.rng.uniform(0.5, 1.5)
    draw.causes.append(frozenset({hog}))


def _slow_call(draw: Draw) -> None:
    callee = draw.pick(among=np.arange(1, draw.system.size))
    callee = max(callee, 1)
    caller = int(draw.rng.choice(np.flatnonzero(draw.system.fan[:, callee])))
    draw.change.wire[caller, callee] = np.zeros(draw.minutes)
    draw.change.wire[caller, callee][draw.now] = draw.rng.uniform(0.05, 0.2)
    draw.causes.append(frozenset({caller, callee}))


def _slow_link(draw: Draw) -> None:
    """All calls to a service are slow on their way, and callers measure how long they wait."""
    callee = max(1, draw.pick(among=np.arange(1, draw.system.size)))
    seconds = draw.rng.uniform(0.05, 0.3)
    for caller in np.flatnonzero(draw.system.fan[:, callee]):
        draw.change.wire[int(caller), callee] = np.zeros(draw.minutes)
        draw.change.wire[int(caller), callee][draw.now] = seconds
    draw.waiting = True
    draw.causes.append(frozenset({callee}))


def _shared_callee(draw: Draw) -> None:
    callee = draw.system.size - 1
    able = np.arange(callee)
    callers = draw.rng.choice(able, size=min(5, able.size), replace=False)
    draw.system.fan[callers, callee] = np.exp(draw.rng.normal(-0.2, 0.5, callers.size))
    draw.system.waits[callers, callee] = 1
    draw.break_service(callee)


def _message_queue(draw: Draw) -> None:
    consumer = draw.pick(among=np.arange(1, draw.system.size))
    consumer = max(consumer, 1)
    draw.system.waits[:, consumer] = 0
    draw.break_service(consumer)
    draw.symptom = None


def _missing_samples(draw: Draw) -> None:
    draw.missing = 0.2
    draw.break_service(draw.pick())


def _late_trigger(draw: Draw) -> None:
    draw.late = 1
    draw.break_service(draw.pick())


def _wrong_edges(draw: Draw) -> None:
    service = draw.pick(among=np.arange(1, draw.system.size))
    draw.break_service(service)
    callers = np.flatnonzero(draw.system.fan[:, service])
    if callers.size:
        draw.left_out.append((int(draw.rng.choice(callers)), service))
    none = [
        (i, j) for i in range(draw.system.size) for j in range(i + 1, draw.system.size) if not draw.system.fan[i, j]
    ]
    draw.extra.append(none[int(draw.rng.integers(len(none)))])


def _surge(draw: Draw) -> None:
    draw.change.traffic[draw.now] *= draw.rng.uniform(1.3, 1.7)


def _quiet(draw: Draw) -> None:
    draw.symptom = (0, "latency")


_DRAWN: dict[str, Callable[[Draw], None]] = {
    "one fault": _one_fault,
    "shared callee": _shared_callee,
    "message queue": _message_queue,
    "20% missing": _missing_samples,
    "late trigger": _late_trigger,
    "wrong edges": _wrong_edges,
    "two roots": _two_roots,
    "confounded load": _confounded_load,
    "slow call": _slow_call,
    "slow link": _slow_link,
    "unmeasured": _unmeasured,
    "noisy neighbour": _noisy_neighbour,
    "weak fault": _weak_fault,
    "traffic surge": _surge,
    "quiet": _quiet,
}
SCENARIOS = (*_DRAWN, *FAULTS, *SECONDS)


def simulate_incident(scenario: str, seed: int) -> Incident:
    """The incident of a scenario by name; the same seed gives the same numbers."""
    if scenario in FAULTS:
        return simulate_resources(scenario, seed)
    if scenario in SECONDS:
        return simulate_seconds(scenario, seed)
    draw = Draw(np.random.default_rng([crc32(scenario.encode()), seed]))
    _DRAWN[scenario](draw)
    if scenario != "quiet":
        draw.unrelated()
    return draw.incident(f"{scenario} {seed}", scenario)
