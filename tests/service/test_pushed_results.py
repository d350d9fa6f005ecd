"""Results that the running service pushes to a real Prometheus."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from running import FAST, PATIENCE, Service, TwoServices, serving

from datasource.cli import main
from datasource.demo.child import wait_until
from datasource.demo.processes import PrometheusServer, start_prometheus

SETTINGS = "remote_write:\n  url: {url}/api/v1/write\n  external_labels: {{cluster: a}}\n"
RECEIVER = ("--web.enable-remote-write-receiver",)


@pytest.fixture(scope="module")
def prometheus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prometheus")


@pytest.fixture(scope="module")
def prometheus(server_binary: Callable[[str], str], prometheus_folder: Path) -> Iterator[PrometheusServer]:
    server = start_prometheus(server_binary("prometheus"), prometheus_folder, options=RECEIVER)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def service(prometheus: PrometheusServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with settings(tmp_path_factory.mktemp("service"), prometheus.url) as file, serving(file, "one") as found:
        found.wait(found.scores)
        yield found


@contextmanager
def settings(folder: Path, url: str) -> Iterator[Path]:
    """Settings that push to a server what is evaluated of two quiet services."""
    services = TwoServices()
    file = folder / "causal.yaml"
    file.write_text(FAST.format(url=services.server.url, store=folder / "store") + SETTINGS.format(url=url))
    try:
        yield file
    finally:
        services.stop()


def asked(prometheus: PrometheusServer, query: str) -> list[Any]:
    answer = requests.get(f"{prometheus.url}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", answer
    found: list[Any] = answer["data"]["result"]
    return found


def names(prometheus: PrometheusServer) -> set[str]:
    return {one["metric"]["__name__"] for one in asked(prometheus, '{__name__=~"causal_.*"}')}


def scraped_names(service: Service) -> set[str]:
    found = {name.partition("{")[0] for name in service.metrics()}
    return {name for name in found if name.startswith("causal_") and not name.startswith("causal_datasource_http_")}


def notices(service: Service) -> str:
    return "; ".join(requests.get(f"{service.url}/api/v1/snapshot", timeout=10).json()["notices"])


def test_everything_that_a_scrape_brings_is_pushed_under_the_same_labels(
    service: Service, prometheus: PrometheusServer
) -> None:
    assert wait_until(lambda: names(prometheus) >= scraped_names(service) != set(), PATIENCE), (
        service.process.log_tail()
    )
    scores = asked(prometheus, "causal_anomaly_score")
    assert {tuple(sorted(one["metric"].items())) for one in scores} == {
        (("__name__", "causal_anomaly_score"), ("cluster", "a"), ("service", name), ("signal", signal))
        for name in ("web", "cart")
        for signal in ("requests", "latency")
    }
    (build,) = asked(prometheus, "causal_datasource_build_info")
    assert (build["metric"]["job"], build["metric"]["cluster"]) == ("causal-datasource", "a")


def test_new_settings_push_anew_and_end_what_was_pushed_before(service: Service, prometheus: PrometheusServer) -> None:
    def clusters() -> set[str]:
        return {one["metric"]["cluster"] for one in asked(prometheus, "causal_anomaly_score")}

    before = service.config.read_text()
    for name in ("b", "a"):
        service.config.write_text(before.replace("cluster: a", f"cluster: {name}"))
        assert wait_until(lambda name=name: clusters() == {name}, PATIENCE), service.process.log_tail()


def test_check_asks_whether_results_would_be_taken(service: Service) -> None:
    told = CliRunner().invoke(main, ["check", "--config", str(service.config)]).output
    assert re.search(r"remote_write\n  server +ok\n", told), told


def test_delivery_is_told_by_metrics(service: Service) -> None:
    delivered = "causal_datasource_remote_write_samples_total"
    assert wait_until(lambda: service.metrics().get(delivered, 0) > 0, PATIENCE)
    assert abs(service.number("remote_write_last_success_timestamp_seconds") - time.time()) < 60
    assert service.number('remote_write_dropped_samples_total{reason="refused"}') == 0


def test_what_could_not_be_delivered_for_a_while_is_delivered_then(
    service: Service,
    prometheus: PrometheusServer,
    prometheus_folder: Path,
    server_binary: Callable[[str], str],
) -> None:
    prometheus.stop()
    assert wait_until(lambda: service.number("remote_write_retries_total") > 0, PATIENCE)
    assert wait_until(lambda: service.number("remote_write_pending_samples") > 0, PATIENCE)
    assert wait_until(lambda: "results wait to be pushed" in notices(service), PATIENCE)
    again = start_prometheus(
        server_binary("prometheus"), prometheus_folder, port=int(prometheus.url.rpartition(":")[2]), options=RECEIVER
    )
    try:
        assert wait_until(lambda: service.number("remote_write_pending_samples") == 0, PATIENCE)
        assert wait_until(lambda: "results wait to be pushed" not in notices(service), PATIENCE)
        assert service.number('remote_write_dropped_samples_total{reason="refused"}') == 0
        assert wait_until(lambda: len(asked(again, "causal_anomaly_score")) == 4, PATIENCE)
        service.process.stop()
        assert asked(again, "causal_anomaly_score") == []
        assert asked(again, "causal_datasource_build_info") == []
    finally:
        again.stop()


def test_a_prometheus_that_takes_nothing_says_why(server_binary: Callable[[str], str], tmp_path: Path) -> None:
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus")
    try:
        with settings(tmp_path, server.url) as file, serving(file, "two") as one:
            dropped = 'remote_write_dropped_samples_total{reason="refused"}'
            assert wait_until(lambda: one.metrics().get(f"causal_datasource_{dropped}", 0) > 0, PATIENCE)
            assert wait_until(lambda: "--web.enable-remote-write-receiver" in notices(one), PATIENCE)
            told = CliRunner().invoke(main, ["check", "--config", str(file)])
            assert re.search(r"server +WRONG: http://\S+/api/v1/write answers HTTP 404", told.output), told.output
            assert told.exit_code == 1
    finally:
        server.stop()
