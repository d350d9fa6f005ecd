"""`init` proposes what services stand on, and "connections exhausted in postgres" is a cause with a name."""

import random
import time

import exporters
import histories
import pytest
import yaml
from histories import Line

import datasource as cd
from datasource.cli.init import propose
from datasource.demo.processes import start_prometheus
from datasource.settings import parse_settings
from datasource.settings.packs import read_pack

HOURS = 6.0
BROKE = HOURS * 3600 - histories.AHEAD - 900
"""Seconds since the start of the history: a quarter of an hour before now."""


def wobbling(level, broken=1.0, seed=0):
    """A gauge with noise, which is so many times as high since the fault."""

    def value(seconds):
        noise = random.Random(f"{seed}/{int(seconds)}").gauss(0, 0.05)
        return level * (1 + noise) * (broken if seconds > BROKE else 1.0)

    return value


def lines():
    """Three HTTP services, two PostgreSQL servers, and everything else that has a pack; web is in Java.

    One PostgreSQL server's idle connections grow until none is left.
    """
    yield from histories.http_by_job()
    for number, line in enumerate(exporters.postgresql()):
        if line.name == "pg_stat_activity_count":
            broken = line.labels["instance"].startswith("one") and line.labels["state"] == "idle"
            yield line._replace(value=wobbling(5.0, 7.0 if broken else 1.0, number))
        else:
            yield line
    for line in exporters.jvm():
        if line.labels["job"] == "one":
            yield line._replace(labels={**line.labels, "job": "web", "instance": "web:8080"})
    for pack in (exporters.mysql, exporters.redis, exporters.kafka, exporters.rabbitmq, exporters.nginx):
        yield from pack()
    for pack in (exporters.ingress_nginx, exporters.envoy, exporters.coredns):
        yield from pack()
    yield Line("node_cpu_seconds_total", {"instance": "m1", "cpu": "0", "mode": "idle"}, histories.counter(0.5))


@pytest.fixture(scope="module")
def installation(server_binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("named")
    history = histories.openmetrics(directory / "om", histories.samples(lines(), HOURS))
    server = start_prometheus(server_binary("prometheus"), directory / "prometheus", backfill=history)
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def proposed(installation):
    return propose(installation)


def test_init_proposes_what_the_services_stand_on(proposed):
    settings = parse_settings(proposed.text)
    behind = {"postgresql", "mysql", "redis", "kafka", "rabbitmq", "nginx", "ingress_nginx", "envoy", "coredns"}
    assert set(settings.packs) == behind | {"jvm", "node_exporter"}
    assert settings.packs["postgresql"]["labels"] == ["postgres"]
    assert settings.packs["postgresql"]["named_by"] == "instance"
    assert settings.entities["service"].labels == ("job",)
    assert {"gc", "heap", "pool_waiting", "requests", "latency"} <= set(settings.signals)
    assert {("gc", "latency"), ("requests", "heap")} <= {(rule.cause, rule.effect) for rule in settings.graph.templates}
    assert "postgres_free_connections" in settings.remedies


def test_connections_that_run_out_are_a_cause_with_a_name(proposed, tmp_path):
    path = tmp_path / "causal.yaml"
    settings = yaml.safe_load(proposed.text)
    path.write_text(yaml.safe_dump({**settings, "baseline": "5h"}))
    now = time.time()
    found = cd.evaluate(cd.from_prometheus(path, start=now - 5 * 3600, end=now - 60))
    assert found.root_causes == {"one:9187": "one:9187"}
    document = found.to_dict()
    assert "one:9187.postgres_connections" in str(found)
    assert "find who holds the connections of one:9187" in str(document)


@pytest.mark.parametrize(
    ("lines", "pack", "entity"),
    [
        (exporters.postgresql, "postgresql", "postgres_server"),
        (exporters.coredns, "coredns", "dns_server"),
        (exporters.kafka, "kafka", "consumer_group"),
        (exporters.envoy, "envoy", "upstream"),
    ],
)
def test_what_nothing_else_is_measured_beside_is_a_file_of_its_own(lines, pack, entity, server_binary, tmp_path):
    history = histories.openmetrics(tmp_path / "om", histories.samples(lines(), 1))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "prometheus", backfill=history)
    try:
        proposal = propose(server.url)
    finally:
        server.stop()
    settings = parse_settings(proposal.text)
    assert set(settings.packs) == {pack}
    assert set(settings.entities) == {entity}
    assert set(settings.signals) == set(read_pack(pack).settings({})["signals"])
    assert any(f"2 {entity}s" in finding for finding in proposal.findings)
