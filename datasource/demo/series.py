"""The series that the shop is recorded as: one for each metric and service, or metric and call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from datasource.demo.services import CALLS, PLACE, SERVICES


class Series(NamedTuple):
    """A time series as Prometheus knows it: a metric name and (label, value) pairs sorted by label."""

    name: str
    labels: tuple[tuple[str, str], ...]


SERVICE_METRICS = (
    "service:requests:rate30s",
    "service:busy_seconds:rate30s",
    "service:errors:rate30s",
    "service:latency_seconds:mean30s",
    "service:cpu_cores:rate30s",
    "service:restarts:increase30s",
    "service:rollouts:increase30s",
)
CALL_METRICS = ("call:requests:rate30s", "call:seconds:rate30s")


def _series() -> Iterator[Series]:
    for metric in SERVICE_METRICS:
        for service in SERVICES:
            yield Series(metric, (("namespace", service.namespace), ("service", service.name)))
    for metric in CALL_METRICS:
        for call in CALLS:
            client, server = SERVICES[PLACE[call.client]], SERVICES[PLACE[call.server]]
            labels = {
                "client_namespace": client.namespace,
                "client": client.name,
                "server_namespace": server.namespace,
                "server": server.name,
            }
            if call.queue:
                labels["connection_type"] = "messaging_system"
            yield Series(metric, tuple(sorted(labels.items())))


SERIES: tuple[Series, ...] = tuple(_series())
"""The order of the values of every step."""
