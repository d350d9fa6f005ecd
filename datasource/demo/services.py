"""What the simulated shop is made of: its services, who calls whom, and the numbers that tie them together."""

from __future__ import annotations

import math
from dataclasses import dataclass

STEP_SECONDS = 30
STEPS_PER_DAY = 24 * 3600 // STEP_SECONDS
HISTORY_STEPS = 2 * STEPS_PER_DAY

DEMAND = 120.0
"""Mean requests per second that reach `web`."""

RESTART_NOW = 0.018
"""Seconds one restart adds to its service's mean latency in the step it happens in."""

RESTART_NEXT = 0.007
"""Seconds it still adds in the step after (cold caches)."""


@dataclass(frozen=True)
class Service:
    """A service and its structural coefficients.

    `base` (seconds) is the latency of an idle service, `load_latency` (seconds) what the mean load adds to it
    through cpu, `idle_cores` and `load_cores` the cores used when idle and added at mean load, `failure_ratio`
    the share of its requests that fail through its own fault.
    """

    namespace: str
    name: str
    base: float
    load_latency: float
    idle_cores: float
    load_cores: float
    failure_ratio: float

    @property
    def latency_per_core(self) -> float:
        """Seconds of latency that one busy core more causes."""
        return self.load_latency / self.load_cores


@dataclass(frozen=True)
class Call:
    """A client's calls of a server: `share` calls for each request of the client.

    A client waits for the answer, unless the call is a message in a queue: that is served one step later.
    """

    client: str
    server: str
    share: float
    queue: bool = False


SERVICES: tuple[Service, ...] = (
    Service("shop", "web", 0.020, 0.050, 0.30, 1.50, 0.0010),
    Service("shop", "catalog", 0.010, 0.060, 0.20, 1.20, 0.0010),
    Service("shop", "cart", 0.010, 0.060, 0.15, 0.60, 0.0010),
    Service("shop", "checkout", 0.020, 0.050, 0.10, 0.40, 0.0020),
    Service("shop", "recommend", 0.030, 0.170, 0.40, 1.80, 0.0015),
    Service("shop", "orders", 0.030, 0.080, 0.10, 0.30, 0.0010),
    Service("platform", "pricing", 0.010, 0.170, 0.25, 1.40, 0.0005),
    Service("platform", "inventory", 0.015, 0.170, 0.30, 1.60, 0.0010),
    Service("platform", "payment", 0.060, 0.170, 0.10, 0.40, 0.0030),
    Service("platform", "accounts", 0.015, 0.170, 0.20, 0.70, 0.0010),
)
"""Callers before the services they call."""

CALLS: tuple[Call, ...] = (
    Call("web", "catalog", 0.60),
    Call("web", "cart", 0.30),
    Call("web", "checkout", 0.10),
    Call("web", "recommend", 0.40),
    Call("web", "accounts", 0.25),
    Call("catalog", "pricing", 0.50),
    Call("catalog", "inventory", 0.70),
    Call("cart", "pricing", 0.80),
    Call("checkout", "payment", 1.00),
    Call("checkout", "inventory", 0.80),
    Call("checkout", "pricing", 0.50),
    Call("checkout", "orders", 1.00, queue=True),
    Call("orders", "inventory", 0.50),
)

PLACE = {service.name: place for place, service in enumerate(SERVICES)}
"""Each service's place in `SERVICES`."""


def _mean_requests() -> dict[str, float]:
    mean = {service.name: 0.0 for service in SERVICES}
    mean["web"] = DEMAND
    for service in SERVICES:
        for call in CALLS:
            if call.client == service.name:
                mean[call.server] += call.share * mean[call.client]
    return mean


MEAN_REQUESTS = _mean_requests()
"""Requests per second of each service on an average day."""


def latency_effect(cause: str, outcome: str) -> float:
    """The total effect of a service's latency on another's: seconds per second, summed over all waiting paths."""
    if cause == outcome:
        return 1.0
    return math.fsum(
        call.share * latency_effect(cause, call.server) for call in CALLS if call.client == outcome and not call.queue
    )
