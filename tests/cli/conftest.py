"""Servers whose metrics are named as installations name them."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).parent))

import histories

from datasource.demo.child import ChildProcess, wait_until
from datasource.demo.exposition import write_openmetrics
from datasource.demo.live import LiveShop
from datasource.demo.processes import answer_exists, answers, free_port, scrape_config, start_prometheus
from datasource.demo.shop import Shop

Find = Callable[[str], str]


def served(binary: str, directory: Path, history: Path) -> Iterator[str]:
    server = start_prometheus(binary, directory / "prometheus", backfill=history)
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def http_by_job(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a Prometheus that scrapes HTTP servers, told apart by their job."""
    directory = tmp_path_factory.mktemp("http")
    history = histories.openmetrics(directory / "om", histories.samples(histories.http_by_job(), 3))
    yield from served(server_binary("prometheus"), directory, history)


@pytest.fixture(scope="session")
def traced(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a Prometheus with span metrics and a service graph."""
    directory = tmp_path_factory.mktemp("traced")
    history = histories.openmetrics(directory / "om", histories.samples(histories.traced(), 3))
    yield from served(server_binary("prometheus"), directory, history)


@pytest.fixture(scope="session")
def mesh(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a Prometheus with Istio's metrics, and those of workloads on Kubernetes and of their machines."""
    directory = tmp_path_factory.mktemp("mesh")
    lines = [*histories.mesh(), *histories.workloads(), *histories.machines()]
    history = histories.openmetrics(directory / "om", histories.samples(lines, 3))
    yield from served(server_binary("prometheus"), directory, history)


@pytest.fixture(scope="session")
def shop(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a Prometheus with the demo shop's recording rules."""
    directory = tmp_path_factory.mktemp("shop")
    live = LiveShop(Shop(), (int(time.time()) + histories.AHEAD) // 30 * 30, 400)
    with (directory / "om").open("w") as out:
        write_openmetrics(out, live.history, live.origin)
    yield from served(server_binary("prometheus"), directory, directory / "om")


@pytest.fixture(scope="session")
def machines(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a Prometheus that scrapes node_exporter and itself, every second, since half a minute."""
    directory = tmp_path_factory.mktemp("machines")
    exporter_port, port = free_port(), free_port()
    command = [server_binary("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{exporter_port}"]
    exporter = ChildProcess(command, directory / "exporter.log")
    server = None
    try:
        exporter.wait_ready(lambda: answers(f"http://127.0.0.1:{exporter_port}/metrics"), 30)
        targets = [
            scrape_config("node", f"127.0.0.1:{exporter_port}", "1s"),
            scrape_config("prometheus", f"127.0.0.1:{port}", "1s"),
        ]
        server = start_prometheus(server_binary("prometheus"), directory / "p", scrape_configs=targets, port=port)
        assert wait_until(lambda: answer_exists(server.url, "count_over_time(node_load1[30s]) > 25"), 60)
        yield server.url
    finally:
        if server:
            server.stop()
        exporter.stop()


@pytest.fixture(scope="session")
def victoria(server_binary: Find, tmp_path_factory) -> Iterator[str]:
    """The url of a VictoriaMetrics with the same metrics as `http_by_job`."""
    directory, port = tmp_path_factory.mktemp("victoria"), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [server_binary("victoria-metrics"), f"-storageDataPath={directory / 'data'}", "-retentionPeriod=10y"]
    command += [f"-httpListenAddr=127.0.0.1:{port}", "-search.latencyOffset=0s"]
    server = ChildProcess(command, directory / "log")
    try:
        server.wait_ready(lambda: answers(f"{url}/health"), 30)
        lines = histories.samples(histories.http_by_job(), 3, milliseconds=True)
        requests.post(f"{url}/api/v1/import/prometheus", data="\n".join(lines), timeout=30).raise_for_status()
        requests.get(f"{url}/internal/force_flush", timeout=30)
        assert wait_until(lambda: answer_exists(url, "http_requests_total"), 30)
        yield url
    finally:
        server.stop()
