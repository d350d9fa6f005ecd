"""Every pack brings something from a Prometheus that has its metrics; `packs` shows them."""

import time

import exporters
import histories
import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from datasource.cli import main
from datasource.cli.families import find_pack
from datasource.cli.survey import Survey
from datasource.demo.processes import start_prometheus
from datasource.prometheus import PrometheusClient, Reader
from datasource.settings import parse_settings
from datasource.settings.packs import pack_names, read_pack

SERVICES = {"shop/web", "shop/cart", "platform/pricing"}
SERVERS = {"shop/cart", "platform/pricing"}
CHOSEN = {
    "opentelemetry": ("{labels: [namespace, service_name]}", SERVICES),
    "istio": ("{}", SERVERS),
    "linkerd": ("{}", SERVERS),
    "kubernetes": ("{}", SERVICES),
    "node_exporter": ("{}", {"node-one", "node-two"}),
    "container_pressure": ("{}", SERVICES),
    "postgresql": ("{}", {"one:9187", "two:9187"}),
    "mysql": ("{}", {"one:9104", "two:9104"}),
    "redis": ("{}", {"one:9121", "two:9121"}),
    "rabbitmq": ("{}", {"one:15692", "two:15692"}),
    "nginx": ("{}", {"one:9113", "two:9113"}),
    "kafka": ("{}", {"orders/billing", "events/search"}),
    "envoy": ("{}", {"one", "two"}),
    "ingress_nginx": ("{labels: [exported_namespace, ingress]}", {"shop/one", "shop/two"}),
    "coredns": ("{}", {"one", "two"}),
    "jvm": ("{}", {"one", "two"}),
    "go_runtime": ("{}", {"one-go", "two-go"}),
    "python_runtime": ("{}", {"one-python", "two-python"}),
    "operations": ("{labels: [namespace, service_name]}", SERVICES),
}
OF_PROMETHEUS = tuple(name for name in pack_names() if name in CHOSEN)
"""Packs of logs and traces have servers of their own, and tests in test_logs_and_traces.py."""
LEVELS = {
    "postgres_transactions": 200.0,
    "postgres_connections": 0.4,
    "postgres_idle_in_transaction": 20.0,
    "mysql_connections": 50 / 151,
    "mysql_lock_waiting": 0.1,
    "redis_latency": 1e-4,
    "redis_memory": 0.5,
    "kafka_produced": 100.0,
    "kafka_lag": 200.0,
    "kafka_partition_lag": 100.0,
    "rabbitmq_published": 100.0,
    "rabbitmq_memory": 0.25,
    "heap": 0.4,
    "gc": 0.02,
    "pool": 0.4,
    "python_cpu": 0.3,
    "open_files": 20 / 1024,
    "nginx_dropped": 1.0,
    "ingress_errors": 10.0,
    "ingress_latency": 0.1,
    "envoy_latency": 0.02,
    "envoy_unhealthy": 0.25,
    "dns_latency": 0.002,
    "dns_upstream": 0.01,
    "cpu_waiting": 0.1,
}
"""What is simulated of some, in the unit of the signal."""


@pytest.fixture(scope="module")
def everything(server_binary, tmp_path_factory):
    """The url of a Prometheus with the metrics of every pack, spans under the names of three generations."""
    directory = tmp_path_factory.mktemp("packs")
    spans = [line for line in histories.traced() if "span_metrics" in line.name]
    lines = [*histories.mesh(), *histories.linkerd(), *histories.workloads(), *histories.machines()]
    lines += [line for line in histories.traced() if "service_graph" in line.name]
    lines += [line for calls in histories.SPAN_NAMES for line in histories.renamed(spans, calls)]
    lines += exporters.everything(histories.WORKLOADS)
    history = histories.openmetrics(directory / "om", histories.samples(lines, 2))
    server = start_prometheus(server_binary("prometheus"), directory / "prometheus", backfill=history)
    yield server.url
    server.stop()


def read(url, packs, minutes=60):
    """The matrix of packs over the last hour."""
    settings = parse_settings(f"prometheus: {{url: '{url}'}}\nstep: 1m\npacks:\n{packs}")
    reader = Reader(settings)
    end = reader.newest(time.time())
    reading = reader.read(end - minutes * 60, end)
    assert not [report for report in reading.reports if report.problem]
    return settings, reading.matrix


@pytest.mark.parametrize("name", OF_PROMETHEUS)
def test_every_query_returns_every_entity(everything, name):
    parameters, entities = CHOSEN[name]
    settings, matrix = read(everything, f"  {name}: {parameters}")
    found = {signal: set() for signal in settings.signals}
    for variable in matrix.variables:
        found[variable.signal].add(str(variable.entity))
    for signal, block in settings.signals.items():
        if block.entity == "call":
            assert len(found[signal]) >= 2, signal
        elif block.entity == "operation":
            assert {entity.rpartition("/")[0] for entity in found[signal]} == entities, signal
        else:
            assert found[signal] == entities, signal


@pytest.mark.parametrize("parameters", [*read_pack("opentelemetry").known[:3:2], {"prefix": "''"}])
def test_spans_say_the_same_under_every_name(everything, parameters):
    given = "".join(f", {key}: {value}" for key, value in parameters.items())
    _, matrix = read(everything, f"  opentelemetry: {{labels: [namespace, service_name]{given}}}")
    means = {str(v): matrix.row(v).mean() for v in matrix.variables}
    factor = 50 if parameters.get("per_second") == 1 else 0.05
    assert means["shop/web.latency"] == pytest.approx(factor, rel=0.01)
    assert means["shop/web.requests"] == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("labels", ["[workload]", "[namespace, workload]", "[service_namespace, service_name]"])
def test_events_are_counted_where_they_happen(everything, labels):
    _, matrix = read(everything, f"  kubernetes: {{labels: {labels}, window: 1m}}")
    total = {}
    for variable in matrix.variables:
        name = dict(variable.entity.labels)[labels.strip("[]").split(", ")[-1]]
        total[name, variable.signal] = matrix.row(variable).sum()
    # every 600 s two containers of web restart; a warning of each of its pods every 900 s; cart is scaled every 1200 s
    assert total["web", "oom_kills"] == total["web", "restarts"] == pytest.approx(12, abs=5)
    assert 6 <= total["web", "warnings"] <= 10
    assert 2 <= total["cart", "scaling"] <= 4
    assert 5 <= total["pricing", "rollouts"] <= 7
    for name, signal in (("cart", "oom_kills"), ("cart", "rollouts"), ("cart", "warnings"), ("web", "scaling")):
        assert total[name, signal] == 0, (name, signal)


@pytest.mark.parametrize(("signal", "level"), LEVELS.items())
def test_exporters_metrics_are_read_in_the_unit_of_the_signal(everything, signal, level):
    (name,) = (name for name in OF_PROMETHEUS if signal in read_pack(name).settings({})["signals"])
    _, matrix = read(everything, f"  {name}: {CHOSEN[name][0]}")
    means = [np.nanmean(matrix.row(variable)) for variable in matrix.variables if variable.signal == signal]
    assert means == pytest.approx([level] * len(means), rel=0.1)
    assert means


def test_a_consumer_group_is_asked_for_what_comes_into_its_own_topics(everything):
    _, matrix = read(everything, "  kafka: {labels: [consumergroup]}")
    produced = {str(v.entity): matrix.row(v).mean() for v in matrix.variables if v.signal == "kafka_produced"}
    assert produced == pytest.approx({"billing": 100.0, "search": 100.0}, rel=0.1)


@pytest.mark.parametrize("names", exporters.JVM_NAMES)
def test_java_is_measured_under_the_names_of_three_client_libraries(names, server_binary, tmp_path):
    history = histories.openmetrics(tmp_path / "om", histories.samples(exporters.jvm(names), 1))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    try:
        found = find_pack(Survey(PrometheusClient(server.url), time.time()), read_pack("jvm"))
        given = "".join(f", {key}: {value}" for key, value in found.parameters.items())
        _, matrix = read(server.url, f"  jvm: {{labels: [job]{given}}}", minutes=10)
    finally:
        server.stop()
    assert {variable.signal for variable in matrix.variables} == {"heap", "gc", "threads", "pool", "pool_waiting"}


@pytest.fixture(scope="module")
def doubled(server_binary, tmp_path_factory):
    """The url of a Prometheus that scrapes everything by two jobs, and Kubernetes' metrics from two replicas."""
    directory = tmp_path_factory.mktemp("doubled")
    shared = [*histories.mesh(), *histories.linkerd(), *histories.machines(), *histories.traced()]
    measured = list(exporters.everything(histories.WORKLOADS))
    copies = [line._replace(labels={**line.labels, "prometheus_replica": one}) for line in measured for one in "ab"]
    lines = copies + [line._replace(labels={**line.labels, "job": job}) for line in shared for job in ("one", "two")]
    for replica in ("ksm-0:8080", "ksm-1:8080"):
        copies = [line._replace(labels={"instance": replica, **line.labels}) for line in histories.workloads()]
        lines += copies
    history = histories.openmetrics(directory / "om", histories.samples(lines, 2))
    server = start_prometheus(server_binary("prometheus"), directory / "prometheus", backfill=history)
    yield server.url
    server.stop()


@pytest.mark.parametrize("name", OF_PROMETHEUS)
def test_what_is_exported_twice_is_not_added_up(everything, doubled, name):
    once, twice = (read(url, f"  {name}: {CHOSEN[name][0]}")[1] for url in (everything, doubled))
    means = ({str(v): np.nanmean(matrix.row(v)) for v in matrix.variables} for matrix in (once, twice))
    single, both = means
    assert single
    assert both == {name: pytest.approx(mean, rel=0.2, abs=0.05) for name, mean in single.items()}


@pytest.mark.parametrize(("name", "host"), [("istio", "PassthroughCluster"), ("linkerd", "api.example.com:443")])
def test_calls_out_of_the_mesh_are_of_their_host(server_binary, tmp_path, name, host):
    istio = {"reporter": "source", "source_workload": "web", "source_workload_namespace": "shop"}
    istio |= {"destination_workload": "unknown", "destination_workload_namespace": "unknown", "response_code": "200"}
    istio |= {"destination_service_name": host}
    linkerd = {"direction": "outbound", "deployment": "web", "namespace": "shop", "authority": host}
    lines = [*histories.mesh(), *histories.linkerd()]
    for metric in ("istio_requests_total", "istio_request_duration_milliseconds_sum"):
        lines.append(histories.Line(metric, istio, histories.counter(7.0)))
    for metric in ("response_total", "response_latency_ms_sum"):
        lines.append(histories.Line(metric, linkerd | {"classification": "success"}, histories.counter(7.0)))
    history = histories.openmetrics(tmp_path / "om", histories.samples(lines, 2))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    try:
        _, matrix = read(server.url, f"  {name}: {{}}")
    finally:
        server.stop()
    outside = {v.signal: np.nanmean(matrix.row(v)) for v in matrix.variables if host in str(v.entity)}
    assert {str(v.entity) for v in matrix.variables if host in str(v.entity)} == {f"shop/web/external/{host}"}
    assert set(outside) == {"call_requests", "call_errors", "call_seconds"}
    assert outside["call_requests"] == pytest.approx(7, rel=0.3)
    assert not any("unknown" in str(v.entity) for v in matrix.variables)


def test_a_pod_counts_for_its_workload(everything):
    _, matrix = read(everything, "  kubernetes: {}")
    (cpu,) = (matrix.row(v) for v in matrix.variables if str(v) == "shop/cart.cpu")
    assert cpu.mean() == pytest.approx(0.4, rel=0.2)  # two pods, their pause containers left out


def test_packs_are_listed():
    output = CliRunner().invoke(main, ["packs"]).output
    assert all(f"{name}: " in output for name in pack_names())


@pytest.mark.parametrize("name", pack_names())
def test_a_pack_is_printed_as_it_would_stand_in_the_file(name):
    result = CliRunner().invoke(main, ["packs", name, "-p", "window=1m", "--step", "1m"])
    assert result.exit_code == 0
    printed = yaml.safe_load(result.output)
    assert printed == read_pack(name).settings({"window": "1m"}, "1m")
    beside = "".join(f"{block}: {{url: 'http://{block}'}}\n" for block in ("loki", "victorialogs", "tempo"))
    head = f"prometheus: {{url: http://p}}\n{beside}step: 1m\npacks:\n  {name}: {{window: 1m}}\n"
    assert set(parse_settings(head).signals) == set(printed["signals"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["isto"], "no pack 'isto'; did you mean 'istio'?"),
        (["istio", "-p", "windw=1m"], "did you mean 'window'?"),
        (["istio", "-p", "window"], "write it as window=1m"),
        (["istio", "-p", "labels=[a"], "is not YAML"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(arguments, says):
    result = CliRunner().invoke(main, ["packs", *arguments])
    assert result.exit_code == 2
    assert says in result.output
