"""When something breaks in the simulated shop, where, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from datasource.demo.services import HISTORY_STEPS

Kind = Literal["slow", "failing", "busy_cpu", "surge"]

DESCRIPTIONS: dict[Kind, str] = {
    "slow": "own latency {size:+g} s",
    "failing": "own failure ratio {size:+g}",
    "busy_cpu": "cpu {size:+g} cores",
    "surge": "demand {size:+.0%}, nobody's fault",
}


@dataclass(frozen=True)
class Fault:
    """Something that happens to one service from `start_step` on, for `steps` steps.

    Kinds, and the unit of `size`: `slow` (seconds of own latency), `failing` (own failure ratio), `busy_cpu`
    (cores, which slow the service down), `surge` (relative growth of the shop's demand: no service is at fault).
    """

    start_step: int
    steps: int
    service: str
    kind: Kind
    size: float

    def active(self, step: int) -> bool:
        """Whether it is going on during a step."""
        return self.start_step <= step < self.start_step + self.steps

    @property
    def description(self) -> str:
        """What it does, in words."""
        return DESCRIPTIONS[self.kind].format(size=self.size)


PRESENT = Fault(HISTORY_STEPS - 24, 24 + 80, "inventory", "slow", 0.25)
"""The fault going on when the two days of history end: 12 minutes old, 40 minutes to go."""

PAST: tuple[Fault, ...] = (
    Fault(640, 30, "payment", "failing", 0.12),
    Fault(1420, 24, "pricing", "slow", 0.12),
    Fault(2290, 36, "web", "surge", 0.30),
    Fault(3130, 28, "recommend", "busy_cpu", 1.2),
    Fault(4010, 40, "accounts", "slow", 0.12),
    Fault(4870, 20, "cart", "failing", 0.10),
)

TO_COME: tuple[tuple[str, Kind, float], ...] = (
    ("payment", "slow", 0.30),
    ("pricing", "failing", 0.08),
    ("catalog", "busy_cpu", 3.0),
    ("web", "surge", 0.30),
    ("accounts", "slow", 0.30),
    ("recommend", "busy_cpu", 2.5),
    ("inventory", "failing", 0.08),
    ("cart", "slow", 0.25),
)
SPACING = 180
"""Steps (90 minutes) from the start of one fault to the start of the next, once history has ended."""


def schedule() -> Iterator[Fault]:
    """All faults in the order of their start; it never ends."""
    yield from PAST
    yield PRESENT
    for number in count():
        service, kind, size = TO_COME[number % len(TO_COME)]
        yield Fault(PRESENT.start_step + SPACING * (number + 1), 30, service, kind, size)


def started_by(step: int) -> tuple[Fault, ...]:
    """The faults that have started by a step, over or not."""
    faults = []
    for fault in schedule():
        if fault.start_step > step:
            break
        faults.append(fault)
    return tuple(faults)
