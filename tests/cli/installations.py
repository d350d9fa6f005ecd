"""Ten installations under the names that their instrumentation uses, in each of which something broke a quarter of an
hour ago: three services that call one after the other, the last of which became slow and fails."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import exporters
import histories
import numpy as np
from histories import Line

HOURS = 4.0
BROKE = HOURS * 3600 - histories.AHEAD - 900
"""Seconds since the start of the history."""
CHAIN = ("web", "cart", "pricing")
"""Each calls the next."""

_TIMES = np.arange(0, HOURS * 3600 + 1, histories.EVERY)


class Services:
    """Requests, failures and seconds of the chain, as counters; where it `breaks`, the last one gets slow and fails."""

    def __init__(self, seed: int = 0, breaks: bool = True) -> None:
        rng = np.random.default_rng(seed)
        size, broken = _TIMES.size, (_TIMES > BROKE) & breaks
        base = 40 + 5 * np.sin(_TIMES / 900) + rng.normal(0, 2, size)
        self.requests, self.errors, self.own, self.busy = {}, {}, {}, {}
        waited, failed = np.zeros(size), np.zeros(size)
        for place, name in reversed(list(enumerate(CHAIN))):
            rate = np.maximum(1.0, base * 0.9**place)
            last = name == CHAIN[-1]
            each = 0.02 * (1 + rng.normal(0, 0.04, size)) + np.where(broken & last, 0.15, 0.0)
            share = 0.004 * (1 + rng.normal(0, 0.1, size)) + np.where(broken & last, 0.3, 0.0)
            self.own[name] = _total(rate * each)
            waited, failed = each + waited, share + failed
            self.requests[name], self.errors[name] = _total(rate), _total(rate * failed)
            self.busy[name] = _total(rate * waited)

    def counters(self, name: str, seconds: float = 1.0) -> tuple["Value", "Value", "Value"]:
        """Requests that went well, those that failed, and the time of all in units of which so many are a second."""
        ok = self.requests[name] - self.errors[name]
        return _value(ok), _value(self.errors[name]), _value(self.busy[name] * seconds)


Value = Callable[[float], float]


def _total(rate: np.ndarray) -> np.ndarray:
    return np.cumsum(rate * histories.EVERY)


def _value(row: np.ndarray) -> Value:
    return lambda seconds: float(row[int(seconds // histories.EVERY)])


def _scaled(value: Value, factor: float) -> Value:
    return lambda seconds: factor * value(seconds)


def _sum(one: Value, other: Value) -> Value:
    return lambda seconds: one(seconds) + other(seconds)


def spans(services: Services, calls: str, duration: str, per_second: float, more: Mapping[str, str]) -> Iterator[Line]:
    """Span metrics of any prefix and unit, and their service graph."""
    for name in CHAIN:
        ok, bad, busy = services.counters(name, per_second)
        own = {"service_name": name, "span_name": f"GET /{name}", "span_kind": "SPAN_KIND_SERVER", **more}
        for status, value in (("UNSET", ok), ("ERROR", bad)):
            span = own | {"status_code": f"STATUS_CODE_{status}"}
            yield Line(calls, span, value)
            yield Line(f"{duration}_count", span, value)
        yield Line(f"{duration}_sum", own | {"status_code": "STATUS_CODE_UNSET"}, busy)
    yield from service_graph(services, more)


def service_graph(services: Services, more: Mapping[str, str]) -> Iterator[Line]:
    for client, server in pairwise(CHAIN):
        ok, bad, busy = services.counters(server)
        pair = {"client": client, "server": server, "connection_type": "", **more}
        graph = "traces_service_graph_request"
        yield Line(f"{graph}_total", pair, _sum(ok, bad))
        yield Line(f"{graph}_failed_total", pair, bad)
        yield Line(f"{graph}_client_seconds_sum", pair, _scaled(busy, 1.02))
        yield Line(f"{graph}_server_seconds_sum", pair, busy)


def opentelemetry_demo() -> Iterator[Line]:
    """As the demo of OpenTelemetry names them."""
    more = {"service_namespace": "opentelemetry-demo", "job": "opentelemetry-demo/collector"}
    metric = "traces_span_metrics"
    yield from spans(Services(), f"{metric}_calls_total", f"{metric}_duration_milliseconds", 1000, more)


def own_prefix() -> Iterator[Line]:
    """A namespace of somebody's own, in seconds."""
    yield from spans(Services(), "acme_spans_calls_total", "acme_spans_duration_seconds", 1, {"job": "otel"})


def two_clusters() -> Iterator[Line]:
    """The same services in two clusters behind one Thanos; only those of b broke."""
    for number, cluster in enumerate("ab"):
        services = Services(seed=number, breaks=cluster == "b")
        yield from spans(
            services, "traces_spanmetrics_calls_total", "traces_spanmetrics_latency", 1, {"cluster": cluster}
        )


def istio() -> Iterator[Line]:
    """Both proxies report every call."""
    services = Services()
    for client, server in zip(("gateway", *CHAIN), CHAIN, strict=False):
        ok, bad, busy = services.counters(server, 1000)
        for reporter in ("source", "destination"):
            pair = {"reporter": reporter}
            for end, name in (("source", client), ("destination", server)):
                pair |= {f"{end}_workload": name, f"{end}_workload_namespace": "shop"}
            for code, value in (("200", ok), ("503", bad)):
                yield Line("istio_requests_total", pair | {"response_code": code}, value)
                yield Line("istio_request_duration_milliseconds_count", pair | {"response_code": code}, value)
            yield Line("istio_request_duration_milliseconds_sum", pair | {"response_code": "200"}, busy)


def linkerd() -> Iterator[Line]:
    services = Services()
    for client, server in zip(("gateway", *CHAIN), CHAIN, strict=False):
        ok, bad, busy = services.counters(server, 1000)
        inbound = {"direction": "inbound", "deployment": server, "namespace": "shop"}
        outbound = {"direction": "outbound", "deployment": client, "namespace": "shop"}
        for side in (inbound, outbound | {"dst_deployment": server, "dst_namespace": "shop"}):
            yield Line("response_total", side | {"classification": "success"}, ok)
            yield Line("response_total", side | {"classification": "failure"}, bad)
            yield Line("response_latency_ms_count", side, _sum(ok, bad))
            yield Line("response_latency_ms_sum", side, busy)


def client_libraries() -> Iterator[Line]:
    """HTTP servers told apart by their job, and their processes."""
    services = Services()
    for name in CHAIN:
        ok, bad, busy = services.counters(name)
        own = {"job": name, "instance": f"{name}:8080"}
        yield Line("http_requests_total", own | {"code": "200"}, ok)
        yield Line("http_requests_total", own | {"code": "500"}, bad)
        yield Line("http_request_duration_seconds_sum", own, busy)
        yield Line("http_request_duration_seconds_count", own, _sum(ok, bad))
        yield Line("process_cpu_seconds_total", own, _value(services.own[name]))
        yield Line("process_start_time_seconds", own, lambda _: 1.7e9)


def collector() -> Iterator[Line]:
    """OpenTelemetry's SDKs by way of one collector: only `target_info` knows names."""
    services = Services()
    for place, name in enumerate(CHAIN):
        ok, bad, busy = services.counters(name)
        own = {"job": "collector", "instance": f"{place}f3a"}
        metric = "http_server_request_duration_seconds"
        yield Line(f"{metric}_count", own | {"http_response_status_code": "200"}, ok)
        yield Line(f"{metric}_count", own | {"http_response_status_code": "500"}, bad)
        yield Line(f"{metric}_sum", own | {"http_response_status_code": "200"}, busy)
        names = {"service_name": name, "service_namespace": "shop", "telemetry_sdk_language": "go"}
        yield Line("target_info", own | names, lambda _: 1.0)
    yield from service_graph(services, {"job": "collector"})


def spring_on_postgresql() -> Iterator[Line]:
    """Micrometer beside two PostgreSQL servers; the idle connections of one grow until none is left."""
    services = Services(breaks=False)
    for name in CHAIN:
        ok, bad, busy = services.counters(name)
        own = {"application": name, "namespace": "shop", "job": "apps", "instance": f"{name}:1", "uri": "/"}
        for status, value in (("200", ok), ("503", bad)):
            yield Line("http_server_requests_seconds_count", own | {"status": status}, value)
        yield Line("http_server_requests_seconds_sum", own | {"status": "200"}, busy)
    for number, line in enumerate(exporters.postgresql()):
        if line.name == "pg_stat_activity_count":
            broken = line.labels["instance"].startswith("one") and line.labels["state"] == "idle"
            yield line._replace(value=_wobbling(5.0, 7.0 if broken else 1.0, number))
        else:
            yield line


def kube_prometheus_stack() -> Iterator[Line]:
    """No metric of an application: cAdvisor, kube-state-metrics, node_exporter. The pods of pricing use four times the
    cpu that they did and are throttled."""
    still = {"kube_pod_container_status_restarts_total": 1.0, "kube_deployment_status_observed_generation": 1.0}
    still |= {"kube_deployment_spec_replicas": 2.0, "kube_deployment_status_replicas_updated": 2.0}
    still |= {"kube_horizontalpodautoscaler_status_desired_replicas": 2.0, "kube_event_count": 1.0}
    for number, line in enumerate(histories.workloads()):
        broken = line.labels.get("pod", "").startswith("pricing") and line.labels.get("container") == "main"
        if line.name in still:
            yield line._replace(value=exporters.constant(still[line.name]))
        elif line.name == "container_cpu_usage_seconds_total":
            yield line._replace(value=_growing(0.2, 4.0 if broken else 1.0, number))
        elif line.name == "container_cpu_cfs_throttled_periods_total":
            yield line._replace(value=_growing(1.0, 6.0 if broken else 1.0, number))
        elif line.name == "container_memory_working_set_bytes":
            yield line._replace(value=_wobbling(1e8, 1.0, number))
        else:
            yield line
    yield from _machines(broken="")


def machines() -> Iterator[Line]:
    """Nothing but node_exporter; the disk of one machine is busy all the time."""
    yield from _machines(broken="node-two")


def _machines(broken: str) -> Iterator[Line]:
    busy = {"node_disk_io_time_seconds_total": 4.0, "node_pressure_io_waiting_seconds_total": 10.0}
    for number, line in enumerate(histories.machines()):
        times = busy.get(line.name, 1.0) if line.labels["instance"] == broken else 1.0
        level = line.value(9e3) / 9e3 if line.name.endswith("_total") else line.value(0)
        if line.name.endswith(("_total", "_completed_total")):
            yield line._replace(value=_growing(level, times, number))
        else:
            constant = line.name.endswith(("MemTotal_bytes", "size_bytes"))
            yield line if constant else line._replace(value=_wobbling(level, 1.0, number))


def _wobbling(level: float, broken: float, seed: int) -> Value:
    """A gauge with noise, so many times as high since the fault."""
    noise = np.random.default_rng(seed).normal(0, 0.05, _TIMES.size)
    return _value(level * (1 + noise) * np.where(_TIMES > BROKE, broken, 1.0))


def _growing(per_second: float, broken: float, seed: int) -> Value:
    noise = np.random.default_rng(seed).normal(0, 0.05, _TIMES.size)
    return _value(_total(per_second * (1 + noise) * np.where(_TIMES > BROKE, broken, 1.0)))


INSTALLATIONS: Mapping[str, tuple[Callable[[], Iterator[Line]], str]] = {
    "the OpenTelemetry demo": (opentelemetry_demo, "pricing"),
    "span metrics under a prefix of one's own": (own_prefix, "pricing"),
    "two clusters behind one Thanos": (two_clusters, "b/pricing"),
    "Istio": (istio, "pricing"),
    "Linkerd": (linkerd, "pricing"),
    "client libraries": (client_libraries, "pricing"),
    "SDKs behind one collector": (collector, "pricing"),
    "Spring on PostgreSQL": (spring_on_postgresql, "one:9187"),
    "kube-prometheus-stack alone": (kube_prometheus_stack, "pricing"),
    "machines alone": (machines, "node-two"),
}
"""By name, its series, and the entity (or the end of its name) that broke."""
