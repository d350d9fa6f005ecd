"""A Prometheus, as far as `explain` asks it: errors of one version in one zone, from a planted time on."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from datasource.prometheus import Series
from datasource.settings.prometheus import Prometheus

ERRORS = "sum(rate(errors_total[1m])) / sum(rate(requests_total[1m]))"
CELLS = [{"version": version, "zone": zone} for version in ("4.1", "4.2") for zone in "abc"]


class PlantedClient:
    """Answers range queries of errors and requests; `broken_since` (seconds) version 4.2 in zone b fails."""

    url = "http://planted.test"

    def __init__(self, broken_since: float) -> None:
        self.settings = Prometheus(url=self.url)
        self.broken_since = broken_since
        self.asked = 0

    def query(self, query: str, time: float | None = None) -> list[Series]:
        return [Series({}, np.array([time or 0.0]), np.array([float(len(CELLS))]))]

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        self.asked += 1
        times = np.arange(start, end + 1, step, dtype=float)
        for number, cell in enumerate(CELLS):
            noise = np.random.default_rng([number, "errors" in query, start]).normal(0, 0.01, times.size)
            broken = (times > self.broken_since) & (cell == {"version": "4.2", "zone": "b"})
            values = 10 * np.where(broken, 0.3, 0.01) * (1 + noise) if "errors" in query else 10 * (1 + noise)
            yield [Series(cell, times, values)]

    def get(self, endpoint: str, params: Any) -> Any:
        raise AssertionError(f"{endpoint} is not asked for so few series")
