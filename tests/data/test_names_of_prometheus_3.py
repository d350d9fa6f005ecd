"""Metric and label names that are no identifiers, and native histograms, as Prometheus 3 has them."""

import re
import time

import pytest
from click.testing import CliRunner
from dotted import METRICS, prometheus
from serving import serve

from datasource.cli import main
from datasource.cli.families.http_server import find_http_server, find_rpc_server
from datasource.cli.families.spans import find_spans
from datasource.prometheus.answer import Answer
from datasource.settings import Relation, SettingsError, parse_settings
from datasource.settings.foreign import foreign_text
from datasource.settings.packs import read_pack
from datasource.topology.span_metrics import SPAN_METRICS


@pytest.fixture(scope="module")
def dotted():
    with serve(prometheus) as server:
        yield server.url


def test_init_writes_a_file_in_which_check_finds_nothing(dotted, tmp_path):
    file = str(tmp_path / "causal.yaml")
    result = CliRunner().invoke(main, ["init", "--prometheus", dotted, "--output", file])
    assert result.exit_code == 0, result.output
    assert "signal latency: 2 services" in result.output
    result = CliRunner().invoke(main, ["check", "--config", file])
    assert result.exit_code == 0, result.output
    assert re.search(r"latency +2 services", result.output)


def test_an_entity_may_have_a_dotted_label_and_a_missing_metric_is_named(dotted, tmp_path):
    file = tmp_path / "causal.yaml"
    query = 'sum by ("service.name") (rate({"%s"}[2m]))'
    file.write_text(
        f"prometheus: {{url: '{dotted}'}}\n"
        "entities: {service: {labels: [service.name]}}\n"
        "signals:\n"
        f"  requests: {{entity: service, query: '{query % METRICS[0]}', window: 2m}}\n"
        f"  gone: {{entity: service, query: '{query % 'nothing.like.it'}', window: 2m}}\n"
    )
    result = CliRunner().invoke(main, ["check", "--config", str(file)])
    assert re.search(r"requests +2 services", result.output)
    assert "no metric 'nothing.like.it'" in result.output


def test_packs_quote_labels():
    text = read_pack("opentelemetry").text({"labels": ["k8s.namespace.name", "service.name"]})
    assert 'sum by ("k8s.namespace.name", "service.name")' in text
    assert '"service.name"!~"unknown(_service.*)?|"' in text
    parse_settings("prometheus: {url: 'http://p'}\npacks: {opentelemetry: {labels: [service.name]}}\n")


@pytest.mark.parametrize("label", ["service name", "9lives", "a,b", 'x"', ""])
def test_what_can_be_no_label_is_refused(label):
    with pytest.raises(SettingsError, match="is not a label"):
        parse_settings(
            "prometheus: {url: 'http://p'}\n"
            f"entities: {{service: {{labels: ['{label}']}}}}\n"
            "signals: {up: {entity: service, query: up, window: 30s}}\n"
        )


class Known:
    """What is asked of a survey."""

    def __init__(self, *metrics: str, labels: tuple[str, ...] = ()):
        self.metrics, self._labels, self.now = metrics, labels, time.time()

    def alive(self, metric):
        return metric in self.metrics

    def first(self, *names):
        return next((name for name in names if name in self.metrics), "")

    def labels(self, _):
        return frozenset(self._labels)


def queries(family):
    return {one.name: one.render(("service",), "", "2m") for one in family.signals}


def test_native_histograms_are_counted_and_summed():
    found = queries(find_http_server(Known("http_request_duration_seconds", labels=("code",))))
    by = "(sum by (service) (rate(http_request_duration_seconds%s[2m])))"
    assert found["requests"] == f"histogram_count{by % ''}"
    assert found["busy"] == f"histogram_sum{by % ''}"
    assert found["latency"] == f"{found['busy']} / {found['requests']}"
    failed = by % '{code=~"5.."}'
    assert found["errors"] == f"histogram_count{failed} or 0 * {found['requests']}"


@pytest.mark.parametrize(
    ("base", "seconds"),
    [("rpc.server.duration", "/ 1000"), ("rpc_server_call_duration_seconds", ""), ("rpc_server_duration_seconds", "")],
)
def test_rpc_servers_by_opentelemetry(base, seconds):
    found = queries(find_rpc_server(Known(f"{base}_count", f"{base}_sum", labels=("rpc_grpc_status_code",))))
    assert found["busy"].endswith(f"[2m])) {seconds}".rstrip())
    assert 'rpc_grpc_status_code=~"2|4|8' in found["errors"]


class KnownSpans(Known):
    """Of which the names of all metrics are known, and the unit of some."""

    def __init__(self, *metrics, labels, unit=""):
        super().__init__(*metrics, labels=labels)
        self.names = frozenset(metrics)
        self.client = self
        self.unit = unit

    def get(self, endpoint, params):
        assert endpoint == "metadata"
        return Answer({params["metric"]: [{"type": "histogram", "unit": self.unit}]}, ())


DOTTED = ("service.name", "span.name", "span.kind", "status.code")


@pytest.mark.parametrize(
    ("calls", "durations", "unit", "divided"),
    [
        ("traces.span.metrics.calls", ("traces.span.metrics.duration_count",), "", "/ 1000"),
        ("traces.span.metrics.calls", ("traces.span.metrics.duration_count",), "s", ""),
        ("traces.span.metrics.calls_total", ("traces.span.metrics.duration_seconds_count",), "", ""),
        ("acme.calls_total", ("acme.duration_milliseconds_count",), "", "/ 1000"),
    ],
)
def test_span_metrics_with_dots_are_found_and_quoted(calls, durations, unit, divided):
    family = find_spans(KnownSpans(calls, *durations, labels=DOTTED, unit=unit))
    found = {one.name: one.render(("service.name",), '"service.name"!=""', "2m") for one in family.signals}
    served = '"span.kind"=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER|"'
    requests = f'sum by ("service.name") (rate({{"{calls}", {served}, "service.name"!=""}}[2m]))'
    assert found["requests"] == requests
    assert '"status.code"="STATUS_CODE_ERROR"' in found["errors"]
    assert found["errors"].endswith(f"or 0 * {requests}")
    assert found["busy"].endswith(f"[2m])) {divided}".rstrip())
    assert served in found["latency"]
    assert not any(foreign_text(query) for query in found.values())
    assert family.names[0] == "service.name"


@pytest.mark.parametrize("dotted", [True, False])
def test_span_metrics_with_native_histograms_are_counted_and_summed(dotted):
    labels = DOTTED if dotted else tuple(label.replace(".", "_") for label in DOTTED)
    base = "traces.span.metrics.duration" if dotted else "traces_span_metrics_duration_milliseconds"
    calls = "traces.span.metrics.calls" if dotted else "traces_span_metrics_calls_total"
    family = find_spans(KnownSpans(calls, base, labels=labels))
    found = {one.name: one.render((labels[0],), "", "2m") for one in family.signals}
    assert found["busy"].startswith("histogram_sum(sum by (")
    assert "histogram_count(sum by (" in found["latency"]
    assert "native histograms" in family.title


def test_span_metrics_that_the_pack_knows_are_left_to_it():
    labels = tuple(label.replace(".", "_") for label in DOTTED)
    names = ("traces_span_metrics_calls_total", "traces_span_metrics_duration_milliseconds_count")
    assert find_spans(KnownSpans(*names, labels=labels)) is None


def test_who_calls_whom_is_read_from_spans_with_dots():
    source = Relation(source="span_metrics", metric="traces.span.metrics.calls")
    query = SPAN_METRICS.query(source, ("service.name", *SPAN_METRICS.further(source)), "2m")
    assert query.startswith('sum by ("service.name", "peer.service", "server.address", ')
    assert '{"traces.span.metrics.calls", "span.kind"=~"(SPAN_KIND_)?(CLIENT|PRODUCER)"}' in query
    assert SPAN_METRICS.end_labels(0, "client", ("service.name",)) == {"service.name": "service.name"}
    derived = SPAN_METRICS.derive(source, {"server.address": "db", "db.system": "postgresql"})
    assert (derived["peer"], derived["connection_type"]) == ("db", "database")
