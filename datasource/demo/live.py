"""The shop in real time: step numbers become timestamps, and every 30 seconds another step is finished."""

from __future__ import annotations

import threading
from collections.abc import Callable

from datasource.demo.services import HISTORY_STEPS, STEP_SECONDS
from datasource.demo.shop import Shop, Step

Listener = Callable[[int, Step], None]
"""Called with a step's timestamp (seconds since the epoch) and the step."""


def last_grid_time(now: float) -> int:
    """The newest multiple of the step (seconds since the epoch) that is not in the future."""
    return int(now // STEP_SECONDS) * STEP_SECONDS


class LiveShop:
    """A shop whose first steps are history that ends at `end`, and that goes on from there.

    `history` holds those first steps until `forget_history` is called. Safe to use from several threads.
    """

    def __init__(self, shop: Shop, end: int, steps: int = HISTORY_STEPS) -> None:
        self.shop = shop
        self.origin = end - (steps - 1) * STEP_SECONDS
        self.history = shop.history(steps)
        self.newest = self.history[-1]
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()

    def timestamp(self, step: Step) -> int:
        """The end of a step's interval, in seconds since the epoch."""
        return self.origin + step.number * STEP_SECONDS

    def listen(self, listener: Listener) -> None:
        """Have every step finished from now on told to `listener`."""
        self._listeners.append(listener)

    def forget_history(self) -> None:
        """Free the memory that the history takes."""
        self.history = []

    def catch_up(self, now: float) -> list[Step]:
        """Generate the steps finished by `now` (seconds since the epoch) that have not been generated yet."""
        with self._lock:
            finished = []
            while self.timestamp(self.newest) + STEP_SECONDS <= now:
                self.newest = self.shop.step()
                finished.append(self.newest)
                for listener in self._listeners:
                    listener(self.timestamp(self.newest), self.newest)
            return finished
