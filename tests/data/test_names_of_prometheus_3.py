"""Metric and label names that are no identifiers, and native histograms, as Prometheus 3 has them."""

import re
import time

import pytest
from click.testing import CliRunner
from dotted import METRICS, prometheus
from serving import serve

from datasource.cli import main
from datasource.cli.families.http_server import find_http_server, find_rpc_server
from datasource.settings import SettingsError, parse_settings
from datasource.settings.packs import read_pack


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
    assert '"service.name"!=""' in text
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
