"""What chaos tools do to a service: cpu, memory, disk, network delay and loss, sockets, and crashes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass
class Harm:
    """What is done to a system of services, by service and time; `link` is what calls to or from it take longer.

    `down` is the share of it that does not run.
    """

    size: int
    points: int

    def __post_init__(self) -> None:
        zero = np.zeros((self.size, self.points))
        self.users = np.ones(self.points)
        self.slower, self.link, self.lost, self.cpu = zero + 1, zero.copy(), zero.copy(), zero.copy()
        self.memory, self.written, self.read, self.sockets = zero.copy(), zero.copy(), zero.copy(), zero.copy()
        self.down = zero.copy()


Fault = Callable[[Harm, int, slice, float, np.random.Generator], None]
"""Does its harm to a service at these times; of its pods the share `hit` is concerned."""


def cpu(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.cpu[at, when] += hit * rng.uniform(1.5, 8)
    harm.slower[at, when] += hit * rng.uniform(0.2, 2)


def memory(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    ramp = np.minimum(1.0, (1 + np.arange(harm.points)[when] - when.start) / max(1, (harm.points - when.start) * 0.6))
    harm.memory[at, when] += hit * rng.uniform(0.3, 3) * ramp
    harm.cpu[at, when] += hit * rng.uniform(0, 0.3)
    harm.slower[at, when] += hit * rng.uniform(0, 0.4) * ramp


def disk(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.written[at, when] += hit * np.exp(rng.uniform(np.log(3e5), np.log(1e8)))
    harm.read[at, when] += hit * (rng.random() < 0.5) * np.exp(rng.uniform(np.log(3e5), np.log(1e8)))
    harm.cpu[at, when] += hit * rng.uniform(0, 0.5)
    harm.slower[at, when] += hit * rng.uniform(0, 1)


def delay(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.link[at, when] += hit * rng.uniform(0.05, 1.0)


def loss(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    share = hit * rng.uniform(0.1, 0.5)
    harm.lost[at, when] += share
    harm.link[at, when] += share * rng.uniform(0.1, 1.0)


def sockets(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.sockets[at, when] += hit * rng.uniform(2, 20)
    harm.cpu[at, when] += hit * rng.uniform(0, 0.5)
    harm.lost[at, when] += hit * rng.uniform(0, 0.1)
    harm.slower[at, when] += hit * rng.uniform(0, 1)


def crash(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.down[at, when] += hit * rng.uniform(0.7, 1.0)
    harm.lost[at, when] += hit * rng.uniform(0.2, 0.6)


def surge(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    harm.users[when] *= rng.uniform(1.3, 2.0)


def nothing(harm: Harm, at: int, when: slice, hit: float, rng: np.random.Generator) -> None:
    pass
