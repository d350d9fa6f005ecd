"""Settings and a Prometheus in memory, for tests of where ties come from."""

from collections.abc import Iterator, Mapping

import numpy as np

from datasource.data import Entity
from datasource.prometheus import PrometheusError, Series
from datasource.settings import Settings, parse_settings
from datasource.topology import Topology, TopologyReader


def settings(
    relations: str, entities: str = "service: {labels: [namespace, service]}, node: {labels: [node]}"
) -> Settings:
    return parse_settings(
        f"""
prometheus: {{url: 'http://p:9090'}}
entities: {{{entities}}}
signals: {{latency: {{entity: service, query: q, window: 30s}}}}
relations: {{{relations}}}
"""
    )


def service(name: str, namespace: str = "shop") -> Entity:
    return Entity("service", (("namespace", namespace), ("service", name)))


def node(name: str) -> Entity:
    return Entity("node", (("node", name),))


class Metrics:
    """A Prometheus that knows a metric by a word in the query: series as (labels, rate)."""

    def __init__(self, **series: list[tuple[Mapping[str, str], float]]) -> None:
        self.series = series
        self.asked: list[str] = []
        self.failing: set[str] = set()

    def query_range(self, query: str, start: int, end: int, step: int) -> Iterator[list[Series]]:
        self.asked.append(query)
        for word, found in self.series.items():
            if word in query:
                if word in self.failing:
                    raise PrometheusError("timeout", f"{word} did not answer within 30 s")
                times = np.arange(start, end + 1, step, dtype=float)
                yield [Series(dict(labels), times, np.full(times.size, rate)) for labels, rate in found]


def read(text: Settings, client: Metrics | None, *entities: Entity, reader: TopologyReader | None = None) -> Topology:
    return (reader or TopologyReader(text)).read(client, entities, 0, 6000)  # type: ignore[arg-type]


def pairs(topology: Topology, relation: str = "calls") -> list[str]:
    return [" -> ".join(str(entity) for _, entity in tie.ends[:2]) for tie in topology.along(relation)]
