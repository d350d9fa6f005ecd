"""A structural causal model of a simulated shop: ten services, one step every 30 seconds, its truth known.

Load is the confounder: it makes a service slower through its cpu, and it makes it restart more often. Who reads the
slope of latency on restarts off a dashboard finds several times what a restart really causes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.demo.faults import Fault, Kind, schedule, started_by
from datasource.demo.services import (
    CALLS,
    DEMAND,
    HISTORY_STEPS,
    MEAN_REQUESTS,
    PLACE,
    RESTART_NEXT,
    RESTART_NOW,
    SERVICES,
    STEPS_PER_DAY,
    latency_effect,
)

SEED = 1
DAILY_SWING = 0.45
PEAK_STEP = 360
"""The demand of a day is highest three hours after history's first step, and so three hours after its last."""

DEMAND_MEMORY, DEMAND_SPREAD = 0.9, 0.015
LATENCY_MEMORY, LATENCY_SPREAD = 0.6, 0.0025
CPU_MEMORY, CPU_SPREAD = 0.6, 0.01
SHARE_SPREAD = 0.01
WIRE_SPREAD = 0.0005
ERROR_SPREAD = 0.05
PASSED_ON = 0.8
"""The share of a waiting call's failures that fail the client's request too."""

RESTARTS_AT_MEAN_LOAD, RESTARTS_PER_LOAD, LOAD_CEILING = 0.0078, 6.0, 1.6


class Step(NamedTuple):
    """One step's values, each of the interval that ends with the step, in the order of `series.SERIES`."""

    number: int
    values: list[float]


@dataclass(frozen=True)
class Truth:
    """What no datasource can see: the causal effects, and what was injected.

    `restarts_on_latency` is the total effect of one restart on its service's mean latency (seconds, over the step it
    happens in and the next); `inventory_on_web` is the effect of inventory's latency on web's (seconds per second);
    `faults` are those that have started so far, `current` the one going on.
    """

    restarts_on_latency: float
    inventory_on_web: float
    faults: tuple[Fault, ...]
    current: Fault | None


_COUNT, _CALL_COUNT = len(SERVICES), len(CALLS)
_NORMALS = 1 + 3 * _COUNT + 2 * _CALL_COUNT
_BLOCK = 256
_PLACED = tuple((number, call, PLACE[call.client], PLACE[call.server]) for number, call in enumerate(CALLS))
_CALLS_OF = tuple(tuple(placed for placed in _PLACED if placed[2] == place) for place in range(_COUNT))
_MEANS = tuple(MEAN_REQUESTS[service.name] for service in SERVICES)


class Shop:
    """Generates the shop's history and then its present, step by step; equal seeds give equal shops.

    The number of a step decides the time of day and the `faults` (in the order of their start; those of the demo's
    schedule where none are given), never a clock.
    """

    def __init__(self, seed: int = SEED, faults: Iterable[Fault] | None = None) -> None:
        normals, restarts = np.random.SeedSequence(seed).spawn(2)
        self._rng = np.random.default_rng(normals)
        self._restart_rng = np.random.default_rng(restarts)
        self._normals: Iterator[list[float]] = iter(())
        self._schedule = iter(schedule() if faults is None else faults)
        self._coming = next(self._schedule, None)
        self._active: list[Fault] = []
        self._demand = 0.0
        self._queued = DEMAND * 0.1
        self._cpu = [0.0] * _COUNT
        self._latency = [0.0] * _COUNT
        self._restarts = [0] * _COUNT
        self.number = 0
        """The number of the step to come."""

    def truth(self) -> Truth:
        """The effects and the faults as of the last step generated."""
        current = [fault for fault in self._active if fault.active(self.number - 1)]
        return Truth(
            round(RESTART_NOW + RESTART_NEXT, 9),
            latency_effect("inventory", "web"),
            started_by(self.number - 1),
            current[-1] if current else None,
        )

    def inject(self, service: str, kind: Kind, size: float, steps: int) -> None:
        """Have something happen from the next step on that is not on the schedule."""
        self._active.append(Fault(self.number, steps, service, kind, size))

    def recover(self) -> None:
        """Have all that goes on end with the last step."""
        self._active = []

    def history(self, steps: int = HISTORY_STEPS) -> list[Step]:
        """The next `steps` steps."""
        return [self.step() for _ in range(steps)]

    def step(self) -> Step:
        """Generate the next step."""
        noise = self._noise()
        self._let_faults_happen()
        requests, calls = self._load(noise[0], noise[1 : 1 + _CALL_COUNT])
        restarts = self._restart(requests)
        rest = noise[1 + _CALL_COUNT :]
        cpu = self._cores(requests, rest[:_COUNT])
        latency = self._latencies(requests, calls, cpu, restarts, rest[_COUNT : 2 * _COUNT])
        errors = self._errors(requests, calls, rest[2 * _COUNT : 3 * _COUNT])
        wire = rest[3 * _COUNT :]
        seconds = [
            calls[number] * max(latency[server] + (0.0 if call.queue else WIRE_SPREAD * wire[number]), 0.0)
            for number, call, _, server in _PLACED
        ]
        busy = [rate * mean for rate, mean in zip(requests, latency, strict=True)]
        self._restarts = restarts
        counts = [*map(float, restarts), *self._rollouts()]
        number, self.number = self.number, self.number + 1
        values = [*requests, *busy, *errors, *latency, *cpu, *counts, *calls, *seconds]
        return Step(number, [round(value, 7) for value in values])

    def _noise(self) -> list[float]:
        """Independent standard normal numbers for one step."""
        try:
            return next(self._normals)
        except StopIteration:
            self._normals = iter(self._rng.standard_normal((_BLOCK, _NORMALS)).tolist())
            return next(self._normals)

    def _let_faults_happen(self) -> None:
        self._active = [fault for fault in self._active if fault.active(self.number)]
        while self._coming is not None and self._coming.start_step <= self.number:
            self._active.append(self._coming)
            self._coming = next(self._schedule, None)

    def _rollouts(self) -> list[float]:
        """1 for a service that is rolled out anew: what is slow or failing began with a bad release."""
        begun = [fault for fault in self._active if fault.start_step == self.number]
        released = {PLACE[fault.service] for fault in begun if fault.kind in ("slow", "failing")}
        return [float(place in released) for place in range(_COUNT)]

    def _injected(self, kind: Kind, place: int) -> float:
        return sum(fault.size for fault in self._active if fault.kind == kind and PLACE[fault.service] == place)

    def _load(self, noise: float, share_noise: Sequence[float]) -> tuple[list[float], list[float]]:
        """Requests per second of every service and calls per second of every call, from the demand downwards."""
        self._demand = _autoregress(self._demand, DEMAND_MEMORY, DEMAND_SPREAD, noise)
        season = 1 + DAILY_SWING * math.cos(2 * math.pi * (self.number - PEAK_STEP) / STEPS_PER_DAY)
        requests, calls = [0.0] * _COUNT, [0.0] * _CALL_COUNT
        requests[0] = DEMAND * season * math.exp(self._demand) * (1 + self._injected("surge", 0))
        for place in range(_COUNT):
            for number, call, _, server in _CALLS_OF[place]:
                rate = requests[place] * call.share * (1 + SHARE_SPREAD * share_noise[number])
                if call.queue:
                    rate, self._queued = self._queued, rate
                calls[number] = rate
                requests[server] += rate
        return requests, calls

    def _restart(self, requests: Sequence[float]) -> list[int]:
        """Restarts of every service: a Poisson count whose rate rises steeply with its load."""
        rates = [
            RESTARTS_AT_MEAN_LOAD * math.exp(RESTARTS_PER_LOAD * (min(rate / mean, LOAD_CEILING) - 1))
            for rate, mean in zip(requests, _MEANS, strict=True)
        ]
        counts: list[int] = self._restart_rng.poisson(rates).tolist()
        return counts

    def _cores(self, requests: Sequence[float], noise: Sequence[float]) -> list[float]:
        """Busy cores of every service: linear in its requests."""
        cpu = []
        for place, service in enumerate(SERVICES):
            spread = CPU_SPREAD * service.load_cores
            self._cpu[place] = _autoregress(self._cpu[place], CPU_MEMORY, spread, noise[place])
            load = service.load_cores * requests[place] / _MEANS[place]
            cpu.append(service.idle_cores + load + self._cpu[place] + self._injected("busy_cpu", place))
        return cpu

    def _latencies(
        self,
        requests: Sequence[float],
        calls: Sequence[float],
        cpu: Sequence[float],
        restarts: Sequence[int],
        noise: Sequence[float],
    ) -> list[float]:
        """Mean seconds per request of every service, from the services that call nobody upwards."""
        latency = [0.0] * _COUNT
        for place in reversed(range(_COUNT)):
            service = SERVICES[place]
            self._latency[place] = _autoregress(self._latency[place], LATENCY_MEMORY, LATENCY_SPREAD, noise[place])
            own = service.base + service.latency_per_core * cpu[place]
            own += RESTART_NOW * restarts[place] + RESTART_NEXT * self._restarts[place]
            own += self._latency[place] + self._injected("slow", place)
            waited = sum(
                calls[number] * latency[server] for number, call, _, server in _CALLS_OF[place] if not call.queue
            )
            latency[place] = max(own, 0.001) + waited / requests[place]
        return latency

    def _errors(self, requests: Sequence[float], calls: Sequence[float], noise: Sequence[float]) -> list[float]:
        """Failures per second of every service: its own, and those its callees pass on."""
        errors = [0.0] * _COUNT
        for place in reversed(range(_COUNT)):
            ratio = SERVICES[place].failure_ratio * (1 + ERROR_SPREAD * noise[place])
            own = (ratio + self._injected("failing", place)) * requests[place]
            passed = sum(
                PASSED_ON * errors[server] * calls[number] / requests[server]
                for number, call, _, server in _CALLS_OF[place]
                if not call.queue
            )
            errors[place] = min(max(own, 0.0) + passed, requests[place])
        return errors


def _autoregress(before: float, memory: float, spread: float, noise: float) -> float:
    """The next value of a first-order autoregression with the standard deviation `spread`."""
    return memory * before + spread * math.sqrt(1 - memory * memory) * noise
