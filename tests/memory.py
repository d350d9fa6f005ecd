"""A server that answers range queries from memory, in bytes as Prometheus writes them, and counts what was asked."""

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from datasource.prometheus import PrometheusError, Reader
from datasource.settings import Settings, parse_settings
from datasource.settings.prometheus import Prometheus

STEP = 30
TEXT = """
prometheus: {{url: 'http://memory.test', latency_offset: 0s}}
baseline: {baseline}s
full_resolution: {full}s
entities: {{service: {{labels: [service]}}}}
evaluation: {{warm_up: 30}}
signals:
  latency: {{entity: service, query: latency, window: 30s}}
  cpu: {{entity: service, query: cpu, window: 30s}}
"""


class Asked(NamedTuple):
    """One question: from when to when, every how many seconds."""

    query: str
    start: int
    end: int
    step: int


class MemoryServer:
    """`samples` by query, labels and time; `failing` are the queries that it refuses."""

    url = "http://memory.test"
    settings = Prometheus(url=url)

    def __init__(self, max_points: int = 11_000) -> None:
        self.samples: dict[str, dict[tuple[tuple[str, str], ...], dict[int, float]]] = {}
        self.failing: set[str] = set()
        self.asked: list[Asked] = []
        self.max_points = max_points

    def put(self, query: str, service: str, samples: dict[int, float], **labels: str) -> None:
        key = tuple(sorted({"service": service, **labels}.items()))
        self.samples.setdefault(query, {}).setdefault(key, {}).update(samples)

    def raw_range(self, query: str, start: int, end: int, step: int) -> Iterator[bytes]:
        if query in self.failing or "*" in self.failing:
            raise PrometheusError("unavailable", f"{query} failed")
        self.asked.append(Asked(query, start, end, step))
        while start <= end:
            last = min(end, start + (self.max_points - 1) * step)
            result = []
            for labels, samples in self.samples.get(query, {}).items():
                values = [[t, repr(samples[t])] for t in range(start, last + 1, step) if t in samples]
                result += [{"metric": dict(labels), "values": values}] if values else []
            yield orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})
            start = last + step

    def reader(self, baseline: int = 1800, full: int = 86400, settings: Settings | None = None) -> Reader:
        reader = Reader(settings or parse_settings(TEXT.format(baseline=baseline, full=full)))
        reader.client = self  # type: ignore[assignment]
        return reader
