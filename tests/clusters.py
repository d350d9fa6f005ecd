"""Clusters with the same services whose mechanisms a test decides, as a Prometheus that needs no server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from worlds import START, STEP, Inline, encode

from datasource.data import Floats
from datasource.prometheus import Reader, Series
from datasource.service import Clock, Evaluator, Snapshot
from datasource.settings import Loaded, parse_settings

SETTINGS = """
prometheus: {url: 'http://clusters.test'}
step: 30s
baseline: 12h
entities:
  service: {labels: [cluster, service]}
signals:
  requests: {entity: service, query: requests, window: 30s, role: load}
  cpu: {entity: service, query: cpu, window: 30s, role: saturation}
  latency: {entity: service, query: latency, window: 30s, unit: s, role: latency}
graph:
  templates: [requests -> cpu, cpu -> latency, requests -> latency]
environment: [cluster]
invariance: {}
"""


@dataclass(frozen=True)
class Cluster:
    """`slope` is by how much cpu moves latency, `own` by how much requests do beside it, `load` how much is asked,
    `level` the latency without any of it, `batch` how far cpu moves by itself."""

    slope: float = 0.5
    own: float = 0.02
    load: float = 1.0
    level: float = 0.2
    noise: float = 0.05
    batch: float = 1.0
    service: str = "web"

    def simulate(self, points: int, seed: int, since: int | None = None, then: "Cluster | None" = None) -> Floats:
        """requests, cpu, latency (3, points); from the point `since` on as in the cluster `then`."""
        rng = np.random.default_rng(seed)
        requests = 40 + 10 * self.load * smooth(points, rng)
        cpu = 0.02 * requests + 0.2 * self.batch * smooth(points, rng)
        scatter = smooth(points, rng)
        latency = self._latency(requests, cpu, scatter)
        if then is not None and since is not None:
            latency[since:] = then._latency(requests, cpu, scatter)[since:]
        return np.array([requests, cpu, latency])

    def _latency(self, requests: Floats, cpu: Floats, scatter: Floats) -> Floats:
        return self.level + self.slope * cpu + self.own * requests + self.noise * scatter


def smooth(points: int, rng: np.random.Generator, memory: float = 0.8) -> Floats:
    """An autoregression of mean 0 and deviation 1."""
    found, noise = np.zeros(points), rng.normal(size=points) * np.sqrt(1 - memory**2)
    for t in range(1, points):
        found[t] = memory * found[t - 1] + noise[t]
    return found


class ClustersClient:
    """Answers range queries for each signal of each cluster, by name, from memory."""

    url = "http://clusters.test"
    settings: Any = None

    def __init__(self, values: Mapping[str, Floats], service: str = "web") -> None:
        self.values, self.service = values, service

    @property
    def end(self) -> int:
        return START + STEP * (next(iter(self.values.values())).shape[1] - 1)

    def raw_range(self, query: str, start: int, end: int, step: int) -> Iterator[bytes]:
        times = np.arange(start, end + 1, step)
        inside = (times >= START) & (times <= self.end)
        columns = (times[inside] - START) // STEP
        row = ("requests", "cpu", "latency").index(query)
        yield encode(
            [
                Series({"cluster": name, "service": self.service}, times[inside].astype(float), rows[row][columns])
                for name, rows in self.values.items()
                if columns.size
            ]
        )


class Clusters:
    """A clock over clusters."""

    def __init__(self, values: Mapping[str, Floats], settings: str = SETTINGS, folder: Any = None) -> None:
        loaded = Loaded(parse_settings(settings, folder=folder), "clusters")
        reader = Reader(loaded.settings)
        client = ClustersClient(values)
        client.settings = loaded.settings.prometheus
        reader.client = client  # type: ignore[assignment]
        self.now = client.end + loaded.settings.prometheus.latency_offset
        self.clock = Clock(Evaluator(loaded, reader, Inline()), lambda: self.now)  # type: ignore[arg-type]

    def tick(self) -> Snapshot:
        """Evaluate until everything is in."""
        self.clock.tick()
        self.clock.tick()
        assert self.clock.snapshot is not None, self.clock.health.error
        return self.clock.snapshot
