"""What installations call their metrics and labels is recognised."""

import pytest
from histories import (
    SPAN_NAMES,
    WORKLOADS,
    Line,
    counter,
    gauge,
    http_by_job,
    linkerd,
    machines,
    mesh,
    openmetrics,
    renamed,
    samples,
    traced,
    workloads,
)

from datasource.cli.families.family import Family
from datasource.cli.families.http_server import Durations, http_signals
from datasource.cli.families.target_info import name_by_target
from datasource.cli.init import propose
from datasource.demo.processes import free_port, scrape_config, start_prometheus, wait_until
from datasource.settings import parse_settings

SERVICES = ("web", "cart", "pay")


def spring() -> list[Line]:
    """Micrometer behind a ServiceMonitor: `service` is what is scraped, one for all; `application` tells apart."""
    lines = []
    for app in SERVICES:
        own = {"application": app, "service": "apps", "namespace": "shop", "job": "apps", "instance": f"{app}:1"}
        ok, bad = own | {"status": "200", "uri": "/"}, own | {"status": "503", "uri": "/"}
        lines += [
            *(Line("http_server_requests_seconds_count", labels, counter(5.0)) for labels in (ok, bad)),
            *(Line("http_server_requests_seconds_sum", labels, counter(1.0)) for labels in (ok, bad)),
            Line("process_cpu_seconds_total", {"instance": f"{app}:1", "job": "apps"}, counter(0.1)),
        ]
    return lines


def grpc() -> list[Line]:
    """Go gRPC servers in two clusters and namespaces; one series has no app."""
    lines = []
    for cluster in ("east", "west"):
        for place, app in enumerate((*SERVICES, "")):
            own = {
                "cluster": cluster,
                "namespace": ("a", "b")[place % 2],
                "app": app,
                "instance": f"{cluster}{place}:1",
            }
            lines += [
                Line("grpc_server_handled_total", own | {"grpc_code": "OK"}, counter(5.0)),
                Line("grpc_server_handling_seconds_sum", own, counter(1.0)),
                Line("grpc_server_handling_seconds_count", own, counter(5.0)),
            ]
    return lines


def behind_a_collector(namespaces=("shop", "shop", "back")) -> list[Line]:
    """OpenTelemetry's SDKs whose series all come by one collector: only `target_info` knows names."""
    lines = []
    for place, (app, namespace) in enumerate(zip(SERVICES, namespaces, strict=True)):
        own = {"job": "collector", "instance": f"{place}f3a"}
        names = {"service_name": app, "service_namespace": namespace, "telemetry_sdk_language": "go"}
        for code in ("200", "500"):
            one = own | {"http_response_status_code": code}
            lines += [
                Line("http_server_request_duration_seconds_count", one, counter(5.0)),
                Line("http_server_request_duration_seconds_sum", one, counter(1.0)),
            ]
        lines.append(Line("target_info", own | names, lambda _: 1.0))
    return lines


def bare_kubernetes() -> list[Line]:
    """kube-prometheus without any application metrics, but with its own recording rules."""
    lines = workloads()
    for namespace, workload in WORKLOADS:
        own = {"namespace": namespace, "pod": workload, "job": "ksm"}
        lines += [
            Line("namespace_cpu:kube_pod_container_resource_requests:sum", own, lambda _: 2.0),
            Line("job:errors:rate5m", {"job": workload}, lambda _: 2.0),
        ]
    return [*lines, *machines(["elsewhere"])]


def recorded() -> list[Line]:
    """Recording rules over two windows; those over 5 minutes are more. Quantiles, several series per job."""
    lines = []
    for job in SERVICES:
        for instance in ("1", "2"):
            own = {"job": job, "instance": instance}
            lines += [
                Line("job:http_requests:rate1m", own, gauge(5.0)),
                Line("job:http_requests:rate5m", own, gauge(5.0)),
                Line("job:http_errors:rate5m", own, gauge(0.1)),
                Line("job:http_error_ratio:ratio_rate5m", own, gauge(0.1)),
                Line("job:http_request_duration_seconds:p95_5m", own, gauge(0.2)),
                Line("job:http_request_duration_seconds_sum:rate5m", own, gauge(1.0)),
            ]
    return lines


@pytest.fixture
def proposed(server_binary, tmp_path):
    """Runs `init` on a Prometheus that holds a history; settings and findings."""
    running = []

    def run(history):
        file = openmetrics(tmp_path / "om", samples(history, 1))
        running.append(start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=file))
        text, findings = propose(running[-1].url)
        return parse_settings(text), "\n".join(findings)

    yield run
    for server in running:
        server.stop()


def test_a_label_that_says_the_same_of_everything_is_no_name(proposed):
    settings, findings = proposed(spring())
    assert settings.entities["service"].labels == ("application",)
    assert 'status=~"5.."' in settings.signals["errors"].query
    assert set(settings.signals) == {"requests", "errors", "busy", "latency"}
    assert "'application' is the name (3 values; 'service' has 1, 'job' has 1)" in findings
    assert "'namespace' has a single value and is left out" in findings


def test_namespaces_and_clusters_join(proposed):
    settings, findings = proposed(grpc())
    assert settings.entities["service"].labels == ("cluster", "namespace", "app")
    assert "signal latency: 6 services" in findings
    assert 'app!=""' in settings.signals["requests"].query


def test_names_that_only_target_info_knows_are_joined(proposed):
    settings, findings = proposed(behind_a_collector())
    assert settings.entities["service"].labels == ("service_namespace", "service_name")
    assert settings.signals["requests"].query == (
        "sum by (service_namespace, service_name) (rate(http_server_request_duration_seconds_count[1m]) "
        "* on (job, instance) group_left (service_namespace, service_name) "
        "max by (job, instance, service_namespace, service_name) (target_info))"
    )
    assert all(f"signal {name}: 3 services" in findings for name in ("requests", "errors", "busy", "latency"))


def test_target_info_is_left_alone_where_the_series_have_names(proposed):
    lines = [line._replace(labels=line.labels | {"service_name": "x" + line.labels["instance"]}) for line in spring()]
    known = [one for one in behind_a_collector() if one.name == "target_info"]
    settings, _ = proposed([*lines, *known])
    assert "target_info" not in settings.signals["requests"].query


class DottedCollector:
    """What `init` sees of a Prometheus 3 that translates no names, where two services come by one collector."""

    TARGETS = (("collector", "0f3a", "web"), ("collector", "1f3a", "cart"))

    def alive(self, metric):
        return True

    def labels(self, metric):
        return {"job", "instance"} | ({"service.name"} if metric == "target_info" else set())

    def values(self, metric, labels):
        places = [("job", "instance", "service.name").index(label) for label in labels]
        return {tuple(target[place] for place in places): 1 for target in self.TARGETS}


@pytest.mark.parametrize("native", [False, True])
def test_dotted_names_and_native_histograms_are_joined_too(native):
    survey, durations = DottedCollector(), Durations("http.server.request.duration", native=native)
    family = Family("", "service", durations.requests.metric, (), http_signals(survey, "", durations))
    queries = [one.render(("service.name",), "", "1m") for one in name_by_target(survey, family).signals]
    joined = '* on (job, instance) group_left ("service.name") max by (job, instance, "service.name") (target_info))'
    assert [query.count(joined) for query in queries] == [1, 1, 2]
    assert all('rate({"http.server.request.duration' in query for query in queries)


def test_a_target_with_two_names_has_none(proposed):
    several = [
        *behind_a_collector(),
        Line("target_info", {"job": "collector", "instance": "0f3a", "service_name": "b"}, lambda _: 1.0),
    ]
    settings, _ = proposed(several)
    assert settings.entities["service"].labels == ("job",)


def test_kubernetes_alone(proposed):
    settings, findings = proposed(bare_kubernetes())
    assert settings.entities["service"].labels == ("namespace", "workload")
    assert {"cpu", "memory", "restarts", "rollouts", "node_cpu"} <= set(settings.signals)
    assert "missing: no metric counts requests" in findings
    assert "relation runs_on left out" in findings
    assert not settings.relations


def test_what_a_pack_would_bring_is_switched_off_where_nothing_counts_it(proposed):
    there = [line for line in workloads() if line.name.startswith(("container_cpu_usage", "kube_pod"))]
    settings, findings = proposed([*mesh(), *there])
    assert {"cpu", "restarts", "oom_kills", "latency"} <= set(settings.signals)
    assert {"memory", "throttled", "scaling", "rollouts", "updating", "warnings"}.isdisjoint(settings.signals)
    assert "signal warnings left out: no samples of kube_event_count" in findings


@pytest.mark.parametrize("calls", SPAN_NAMES)
def test_spans_of_every_generation(proposed, calls):
    settings, findings = proposed(renamed(traced(), calls))
    assert calls in settings.signals["requests"].query
    assert ("/ 1000" in settings.signals["latency"].query) == (calls != "traces_spanmetrics_calls_total")
    assert all(f"signal {name}: 3 services" in findings for name in ("requests", "errors", "busy", "latency"))


@pytest.mark.parametrize(
    ("duration", "divided"),
    [
        ("duration_seconds", "/ 1"),
        ("duration_milliseconds", "/ 1000"),
        ("latency", "/ 1000"),
        ("duration_us", "/ 1000000"),
        ("response_time_nanoseconds", "/ 1000000000"),
    ],
)
def test_spans_and_calls_under_a_namespace_of_ones_own(proposed, duration, divided):
    names = {
        "traces_span_metrics_duration_milliseconds": f"acme_{duration}",
        "traces_span_metrics_": "acme_",
        "traces_service_graph": "acme_service_graph",
    }
    lines = traced()
    for old, new in names.items():
        lines = [line._replace(name=line.name.replace(old, new)) for line in lines]
    settings, findings = proposed(lines)
    assert "acme_calls_total" in settings.signals["requests"].query
    assert settings.signals["latency"].query.endswith(divided)
    assert "acme_service_graph_request_total" in settings.signals["call_requests"].query
    assert settings.relations["calls"].metric == "acme_service_graph_request_total"
    assert "relation calls: " in findings


def test_the_pack_of_operations_is_proposed_with_what_it_would_bring(server_binary, tmp_path):
    history = openmetrics(tmp_path / "om", samples(renamed(traced(), "traces_spanmetrics_calls_total"), 1))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    try:
        text = propose(server.url).text
    finally:
        server.stop()
    assert "errors and seconds of 3 operations, each an entity" in " ".join(text.replace("\n#", "").split())
    (line,) = [line for line in text.splitlines() if line.startswith("#  operations: ")]
    taken = parse_settings(text.replace("\npacks:\n", f"\npacks:\n{line[1:]}\n", 1))
    assert "traces_spanmetrics_latency_sum" in taken.signals["own_seconds"].query


UNNAMED = ("unknown_service:java", "unknown_service", "unknown")


def test_who_has_no_name_is_no_service(proposed):
    lines = traced()
    carts = [line for line in traced() if line.labels.get("service_name", line.labels.get("server")) == "cart"]
    for name in UNNAMED:
        for line in carts:
            named = {key: name for key in ("service_name", "server") if key in line.labels}
            lines.append(line._replace(labels={**line.labels, **named}))
    settings, findings = proposed(lines)
    assert "signal requests: 3 services" in findings
    assert "'unknown', 'unknown_service', 'unknown_service:java' names nobody" in findings
    assert 'service_name!~"unknown(_service.*)?|"' in settings.signals["requests"].query
    assert 'server!~"unknown(_service.*)?|"' in settings.signals["call_requests"].query
    assert "relation calls: 3 pairs" in findings or "relation calls: 2 pairs" in findings


def test_who_has_no_name_is_no_service_of_a_client_library_either(proposed):
    unnamed = [line for line in http_by_job() if "http" in line.name and line.labels["job"] == "web"]
    lines = http_by_job()
    lines += [line._replace(labels={**line.labels, "job": "unknown_service:node"}) for line in unnamed]
    settings, findings = proposed(lines)
    assert "signal requests: 3 services" in findings
    assert settings.signals["requests"].query == (
        'sum by (job) (rate(http_requests_total{job!~"unknown(_service.*)?|"}[1m]))'
    )


def requests_of(base: str, own: str, counted: str = "") -> list[Line]:
    """Durations, and a counter with a status, of three services that are told apart by the label `own`."""
    lines = []
    for app in SERVICES:
        labels = {own: app, "code": "200", "job": "edge", "instance": "edge:1"}
        for metric in (f"{base}_count", f"{base}_sum", *([counted] if counted else [])):
            lines += [Line(metric, labels, counter(5.0)), Line(metric, labels | {"code": "500"}, counter(0.1))]
    return lines


@pytest.mark.parametrize(
    ("base", "own", "counted", "divided"),
    [
        ("traefik_service_request_duration_seconds", "service", "traefik_service_requests_total", ""),
        ("shop_http_request_duration_ms", "app", "", " / 1000"),
        ("api_request_latency_seconds", "application", "", ""),
    ],
)
def test_requests_under_any_prefix(proposed, base, own, counted, divided):
    others = requests_of("grafana_http_request_duration_seconds", "service")
    others += requests_of("payment_client_request_duration_seconds", "service")
    others += requests_of("traefik_entrypoint_request_duration_seconds", "entrypoint")
    settings, findings = proposed(requests_of(base, own, counted) + others)
    assert "found metrics of requests: 3 services" in findings
    assert settings.entities["service"].labels == (own,)
    queries = {name: signal.query for name, signal in settings.signals.items()}
    assert queries["requests"] == f"sum by ({own}) (rate({counted or f'{base}_count'}[1m]))"
    assert queries["busy"] == f"sum by ({own}) (rate({base}_sum[1m])){divided}"
    assert 'code=~"5.."' in queries["errors"]


def test_what_watches_services_is_none_of_them(proposed):
    settings, findings = proposed(requests_of("grafana_http_request_duration_seconds", "service") + machines(["one"]))
    assert "metrics of requests" not in findings
    assert "service" not in settings.entities


def test_spans_without_the_suffixes_of_their_kind(proposed):
    names = {"calls_total": "calls", "duration_milliseconds": "duration"}
    lines = [line for line in traced() if "span_metrics" in line.name]
    for old, new in names.items():
        lines = [line._replace(name=line.name.replace(old, new)) for line in lines]
    settings, findings = proposed(lines)
    assert "rate(traces_span_metrics_calls{" in settings.signals["requests"].query
    assert settings.signals["busy"].query.endswith("/ 1000"), "a bucket of 100 is no second"
    assert "signal errors: 3 services" in findings


def test_a_label_that_a_call_has_once_is_that_of_both_ends(proposed):
    lines = [
        line._replace(labels={**line.labels, "cluster": cluster})
        for cluster in ("eu", "us")
        for line in traced()
        if "span_metrics" in line.name or "service_graph" in line.name
    ]
    settings, findings = proposed(lines)
    assert settings.entities["call"].labels == ("cluster", "client", "server")
    assert "relation calls: 4 pairs" in findings or "relation calls: 2 pairs" in findings


def test_calls_of_services_that_something_else_measures(proposed):
    settings, findings = proposed([*http_by_job(), *(line for line in traced() if "service_graph" in line.name)])
    assert settings.signals["requests"].query == "sum by (job) (rate(http_requests_total[1m]))"
    assert settings.entities["service"].labels == ("job",)
    assert {"call_requests", "call_seconds"} <= set(settings.signals)
    assert "relation calls: 1 pair, from service_graph" in findings


def test_several_sources_of_calls_stand_side_by_side(proposed):
    namespaces = {workload: namespace for namespace, workload in WORKLOADS}
    graph = [
        line._replace(labels={**line.labels, "client_namespace": "shop", "server_namespace": namespaces[server]})
        for line in traced()
        if "service_graph" in line.name
        for server in [line.labels["server"]]
    ]
    settings, findings = proposed([*linkerd(), *graph])
    assert list(settings.relations["calls"].named_sources) == ["service_graph", "linkerd"]
    assert "relation calls: 1 pair, from service_graph, linkerd" in findings


def test_recording_rules_of_one_window(proposed):
    settings, _ = proposed(recorded())
    assert settings.signals["requests"].query == "sum by (job) (job:http_requests:rate5m)"
    assert settings.signals["latency"].query == "avg by (job) (job:http_request_duration_seconds:p95_5m)"
    assert settings.signals["latency"].kind == "quantile"
    assert settings.signals["busy"].query == "sum by (job) (job:http_request_duration_seconds_sum:rate5m)"
    assert {signal.window for signal in settings.signals.values()} == {300}
    assert settings.step == 60


def test_recorded_rules_take_from_counters_what_they_lack_and_leave_others_rules_alone(proposed):
    lines = http_by_job()
    for job in ("web", "cart", "checkout"):
        lines.append(Line("job:http_requests:rate5m", {"job": job}, gauge(5.0)))
        lines.append(Line("job:http_latency:p95_5m", {"job": job}, gauge(0.2)))
    others = {"job": "apiserver"}
    lines += [Line("job:api_requests:rate5m", others, gauge(9.0)), Line("job:api_errors:rate5m", others, gauge(0.1))]
    settings, _ = proposed(lines)
    assert settings.signals["requests"].query == "job:http_requests:rate5m"
    assert 'code=~"5.."' in settings.signals["errors"].query
    assert "[5m]" in settings.signals["errors"].query
    assert not any("job:api_" in signal.query for signal in settings.signals.values())


@pytest.mark.parametrize("kept", ["", "up|scrape_.*"])
def test_prometheus_watches_itself_if_there_is_nothing_else(server_binary, tmp_path, kept):
    port = free_port()
    drop = [{"source_labels": ["__name__"], "regex": "prometheus_.*|process_.*", "action": "drop"}] if kept else []
    itself = scrape_config("prometheus", f"127.0.0.1:{port}", "1s", metric_relabel_configs=drop)
    server = start_prometheus(server_binary("prometheus"), tmp_path, scrape_configs=[itself], port=port)
    try:

        def there():
            try:
                settings = parse_settings(propose(server.url).text)
            except Exception:
                return False
            return {"down", "scrape_seconds"} <= set(settings.signals) if kept else "latency" in settings.signals

        assert wait_until(there, 20)
        assert parse_settings(propose(server.url).text).entities.popitem()[1].labels == ("instance",)
    finally:
        server.stop()
