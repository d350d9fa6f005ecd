"""Small histories of metrics as installations name them, up to a little after now."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

EVERY = 15
"""Seconds between samples."""
AHEAD = 1200
"""Seconds that a history goes on after now, so that it is never stale while tests run."""


class Line(NamedTuple):
    """One series: its value at a number of seconds since the start."""

    name: str
    labels: Mapping[str, str]
    value: Callable[[float], float]


def counter(per_second: float) -> Callable[[float], float]:
    """A counter that grows at about this rate, a little up and down."""
    return lambda seconds: per_second * (seconds + 60 * math.sin(seconds / 300))


def gauge(level: float) -> Callable[[float], float]:
    return lambda seconds: level * (1 + 0.2 * math.sin(seconds / 400))


def samples(lines: Iterable[Line], hours: float, *, until: float = AHEAD, milliseconds: bool = False) -> Iterable[str]:
    """Exposition lines with timestamps, series by series; they end `until` seconds after now."""
    end = (int(time.time()) + int(until)) // EVERY * EVERY
    start = end - int(hours * 3600)
    for line in lines:
        labels = ",".join(f'{name}="{value}"' for name, value in line.labels.items())
        for now in range(start, end + 1, EVERY):
            yield f"{line.name}{{{labels}}} {line.value(now - start)!r} {now * 1000 if milliseconds else now}"


def openmetrics(path: Path, *parts: Iterable[str]) -> Path:
    """Write histories as OpenMetrics text."""
    path.write_text("\n".join(line for part in parts for line in part) + "\n# EOF\n")
    return path


JOBS = ("web", "cart", "checkout")


def http_by_job() -> list[Line]:
    """Plain client libraries: `job` and `instance` tell targets apart."""
    lines = []
    for place, job in enumerate(JOBS, start=1):
        target = {"job": job, "instance": f"{job}:8080"}
        codes = {"200": 10.0 * place} | ({"500": 0.5} if job == "web" else {})
        lines += [Line("http_requests_total", target | {"code": c}, counter(r)) for c, r in codes.items()]
        lines += [
            Line("http_request_duration_seconds_sum", target, counter(place)),
            Line("http_request_duration_seconds_count", target, counter(10.0 * place)),
            Line("process_cpu_seconds_total", target, counter(0.1 * place)),
            Line("process_resident_memory_bytes", target, gauge(1e8)),
            Line("process_start_time_seconds", target, lambda _: 1.7e9),
            Line("up", target, lambda _: 1.0),
        ]
    return lines


TRACED = (("shop", "web"), ("shop", "cart"), ("platform", "pricing"))
CALLED = (("web", "cart"), ("cart", "pricing"))


def traced() -> list[Line]:
    """OpenTelemetry: span metrics with service_name and namespace, and the service graph, from one collector."""
    collector = {"job": "otel-collector", "service": "otel-collector", "instance": "collector:8889"}
    lines = []
    for place, (namespace, service) in enumerate(TRACED, start=1):
        own = collector | {"namespace": namespace, "service_name": service, "span_name": "GET /"}
        for kind, status, share in (("SERVER", "UNSET", 0.9), ("SERVER", "ERROR", 0.1), ("CLIENT", "UNSET", 3.0)):
            span = own | {"span_kind": f"SPAN_KIND_{kind}", "status_code": f"STATUS_CODE_{status}"}
            rate = 10.0 * place * share
            lines += [
                Line("traces_span_metrics_calls_total", span, counter(rate)),
                Line("traces_span_metrics_duration_milliseconds_count", span, counter(rate)),
                Line("traces_span_metrics_duration_milliseconds_sum", span, counter(rate * 50)),
            ]
    for client, server in (*CALLED, ("user", "web")):
        pair = collector | {"client": client, "server": server, "connection_type": ""}
        lines += [
            Line("traces_service_graph_request_total", pair, counter(10.0)),
            Line("traces_service_graph_request_failed_total", pair, counter(0.1)),
            Line("traces_service_graph_request_client_seconds_sum", pair, counter(0.5)),
        ]
    return lines


def mesh() -> list[Line]:
    """Istio, where both sides report every call, and two pods per workload."""
    lines = []
    for client, server in (("web", "cart"), ("cart", "pricing")):
        for reporter in ("source", "destination"):
            pair = {
                "reporter": reporter,
                "source_workload": client,
                "source_workload_namespace": "shop",
                "destination_workload": server,
                "destination_workload_namespace": "platform" if server == "pricing" else "shop",
                "response_code": "200",
            }
            lines += [
                Line("istio_requests_total", pair, counter(10.0)),
                Line("istio_request_duration_milliseconds_count", pair, counter(10.0)),
                Line("istio_request_duration_milliseconds_sum", pair, counter(500.0)),
            ]
    for workload, namespace in (("web", "shop"), ("cart", "shop"), ("pricing", "platform")):
        for pod in ("a", "b"):
            own = {"namespace": namespace, "pod": f"{workload}-{pod}"}
            container = own | {"container": "main"}
            owner = own | {"workload": workload}
            lines += [
                Line("container_cpu_usage_seconds_total", container, counter(0.2)),
                Line("kube_pod_container_status_restarts_total", container, lambda _: 1.0),
                Line("namespace_workload_pod:kube_pod_owner:relabel", owner, lambda _: 1.0),
            ]
    return lines
