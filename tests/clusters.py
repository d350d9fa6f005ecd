"""Clusters with the same services whose mechanisms a test decides, as a Prometheus that needs no server."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from worlds import START, STEP, Inline, encode

from datasource.data import Floats
from datasource.demo.three_shops import Cluster
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


__all__ = ["SETTINGS", "Cluster", "Clusters"]
