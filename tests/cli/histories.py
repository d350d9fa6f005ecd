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


def samples(
    lines: Iterable[Line], hours: float, *, until: float = AHEAD, milliseconds: bool = False, every: int = EVERY
) -> Iterable[str]:
    """Exposition lines with timestamps, series by series, one `every` so many seconds, up to `until` after now."""
    end = (int(time.time()) + int(until)) // every * every
    start = end - int(hours * 3600)
    for line in lines:
        labels = ",".join(f'{name}="{value}"' for name, value in line.labels.items())
        for now in range(start, end + 1, every):
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
                *(
                    Line("traces_span_metrics_duration_milliseconds_bucket", span | {"le": le}, counter(rate))
                    for le in ("100", "+Inf")
                ),
            ]
    for client, server in (*CALLED, ("user", "web")):
        pair = collector | {"client": client, "server": server, "connection_type": ""}
        lines += [
            Line("traces_service_graph_request_total", pair, counter(10.0)),
            Line("traces_service_graph_request_failed_total", pair, counter(0.1)),
            Line("traces_service_graph_request_client_seconds_sum", pair, counter(0.5)),
            Line("traces_service_graph_request_server_seconds_sum", pair, counter(0.4)),
        ]
    return lines


def mesh() -> list[Line]:
    """Istio, where both sides report every call."""
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
    return lines


WORKLOADS = (("shop", "web"), ("shop", "cart"), ("platform", "pricing"))


def workloads() -> list[Line]:
    """kube-state-metrics, cAdvisor and event_exporter: two pods per Deployment, on two nodes, and a pod of its own.

    web's containers restart, killed for want of memory; cart is scaled; pricing is rolled out.
    """
    lines = []
    for namespace, workload in WORKLOADS:
        space = {"namespace": namespace}
        for node in ("one", "two"):
            own = space | {"pod": f"{workload}-7d9c8b6f5d-{node}"}
            main = own | {"container": "main"}
            owner = own | {"owner_kind": "ReplicaSet", "owner_name": f"{workload}-7d9c8b6f5d"}
            creator = {"created_by_kind": "ReplicaSet", "created_by_name": f"{workload}-7d9c8b6f5d"}
            restarts = every(600) if workload == "web" else lambda _: 1.0
            reason = {"reason": "OOMKilled" if workload == "web" else "Error"}
            lines += [
                Line("container_cpu_usage_seconds_total", main, counter(0.2)),
                Line("container_cpu_usage_seconds_total", own | {"container": "POD"}, counter(0.1)),
                Line("container_memory_working_set_bytes", main, gauge(1e8)),
                Line("container_cpu_cfs_periods_total", main, counter(10.0)),
                Line("container_cpu_cfs_throttled_periods_total", main, counter(1.0)),
                Line("kube_pod_owner", owner | {"owner_is_controller": "true"}, lambda _: 1.0),
                Line("kube_pod_info", own | creator | {"node": f"node-{node}", "host_ip": "10.0.0.1"}, lambda _: 1.0),
                Line("kube_pod_container_status_restarts_total", main, restarts),
                Line("kube_pod_container_status_last_terminated_reason", main | reason, lambda _: 1.0),
            ]
            event = {
                "involved_object_kind": "Pod",
                "involved_object_name": own["pod"],
                "involved_object_namespace": namespace,
            }
            if workload == "web":
                warning = {"type": "Warning", "reason": "BackOff"}
                lines.append(Line("kube_event_count", {"namespace": "monitoring"} | event | warning, every(900)))
        deployment = space | {"deployment": workload}
        autoscaler = space | {"horizontalpodautoscaler": f"{workload}-hpa"}
        scaled = every(1200) if workload == "cart" else lambda _: 2.0
        lines += [
            Line(
                "kube_deployment_status_observed_generation",
                deployment,
                every(600) if workload == "pricing" else scaled,
            ),
            Line("kube_deployment_spec_replicas", deployment, scaled),
            Line("kube_deployment_status_replicas_updated", deployment, scaled),
            Line("kube_horizontalpodautoscaler_status_desired_replicas", autoscaler, scaled),
            Line(
                "kube_horizontalpodautoscaler_info",
                autoscaler | {"scaletargetref_kind": "Deployment", "scaletargetref_name": workload},
                lambda _: 1.0,
            ),
        ]
    alone = {"namespace": "shop", "pod": "debug", "owner_kind": "<none>", "owner_name": "<none>"}
    return [*lines, Line("kube_pod_owner", alone, lambda _: 1.0)]


def every(seconds: float) -> Callable[[float], float]:
    """Grows by one every so many seconds."""
    return lambda now: float(now // seconds + 1)


def linkerd() -> list[Line]:
    """Linkerd: the servers' and the clients' proxies report every response."""
    lines = []
    namespaces = {workload: namespace for namespace, workload in WORKLOADS}
    for client, server in (("web", "cart"), ("cart", "pricing")):
        inbound = {"direction": "inbound", "deployment": server, "namespace": namespaces[server]}
        outbound = {"direction": "outbound", "deployment": client, "namespace": namespaces[client]}
        outbound |= {"dst_deployment": server, "dst_namespace": namespaces[server]}
        for side in (inbound, outbound):
            lines += [
                Line("response_total", side | {"classification": "success"}, counter(9.0)),
                Line("response_total", side | {"classification": "failure"}, counter(1.0)),
                Line("response_latency_ms_count", side, counter(10.0)),
                Line("response_latency_ms_sum", side, counter(500.0)),
            ]
    return lines


def machines(names: Iterable[str] = ("node-one", "node-two")) -> list[Line]:
    """node_exporter on several machines."""
    lines = []
    for name in names:
        own = {"instance": name, "job": "node-exporter"}
        disk, files = own | {"device": "sda"}, own | {"device": "/dev/sda1", "fstype": "ext4", "mountpoint": "/"}
        lines += [
            Line("node_cpu_seconds_total", own | {"cpu": "0", "mode": "idle"}, counter(0.7)),
            Line("node_network_receive_bytes_total", own | {"device": "eth0"}, counter(1e5)),
            Line("node_network_transmit_bytes_total", own | {"device": "eth0"}, counter(2e5)),
            Line("node_memory_MemAvailable_bytes", own, gauge(4e9)),
            Line("node_memory_MemTotal_bytes", own, lambda _: 8e9),
            Line("node_filesystem_avail_bytes", files, gauge(4e9)),
            Line("node_filesystem_size_bytes", files, lambda _: 8e9),
            Line("node_load1", own, gauge(1.0)),
            Line("node_pressure_cpu_waiting_seconds_total", own, counter(0.1)),
            Line("node_pressure_io_waiting_seconds_total", own, counter(0.05)),
            Line("node_disk_io_time_seconds_total", disk, counter(0.2)),
            *(Line(f"node_disk_{what}_time_seconds_total", disk, counter(0.1)) for what in ("read", "write")),
            *(Line(f"node_disk_{what}_completed_total", disk, counter(50.0)) for what in ("reads", "writes")),
        ]
    return lines


SPAN_NAMES = {
    "traces_span_metrics_calls_total": "traces_span_metrics_duration_milliseconds",
    "traces_spanmetrics_calls_total": "traces_spanmetrics_latency",
    "calls_total": "duration_milliseconds",
}
"""What the collector's connector, Tempo, and connectors before 2024 call requests and durations."""


def renamed(lines: Iterable[Line], calls: str) -> list[Line]:
    """The same spans under the names of another generation."""
    old = next(iter(SPAN_NAMES))
    return [
        line._replace(name=line.name.replace(old, calls).replace(SPAN_NAMES[old], SPAN_NAMES[calls])) for line in lines
    ]
