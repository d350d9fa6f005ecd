"""`init` writes a file that runs, whatever the services' metrics and labels are called."""

import time

import pytest
import responses
from click.testing import CliRunner

from datasource.cli import main
from datasource.cli.document import Draft, SignalText, write
from datasource.cli.init import InitError, propose
from datasource.cli.timing import choose_timing, warm_up
from datasource.prometheus import Reader
from datasource.settings import parse_settings
from datasource.topology import read_topology


def read(proposal):
    """The proposed settings, and the entities (as shown) that each of their signals has now."""
    settings = parse_settings(proposal.text)
    reader = Reader(settings)
    end = reader.newest(time.time())
    reading = reader.read(end - 20 * int(settings.step), end)
    assert not [report.problem for report in reading.reports if report.problem]
    found = {name: set() for name in settings.signals}
    for variable in reading.matrix.variables:
        found[variable.signal].add(str(variable.entity))
    return settings, found


def roles(settings):
    return {name: signal.role for name, signal in settings.signals.items() if signal.role}


def said(proposal, *words):
    return any(all(word in finding for word in words) for finding in proposal.findings)


def test_http_servers_told_apart_by_job(http_by_job):
    proposal = propose(http_by_job)
    settings, found = read(proposal)
    assert settings.entities["service"].labels == ("job",)
    assert found == {name: {"web", "cart", "checkout"} for name in found}
    assert roles(settings) == {
        "requests": "load",
        "errors": "failure",
        "busy": "work",
        "latency": "latency",
        "cpu": "saturation",
        "memory": "saturation",
        "restarts": "event",
    }
    assert settings.step == 60
    assert settings.signals["requests"].window == 60
    assert {("restarts", "latency"), ("cpu", "latency")} <= {(e.treatment, e.outcome) for e in settings.effects}
    assert said(proposal, "no service-graph metrics", "servicegraph connector")


def test_victoria_metrics_gives_the_same_file(http_by_job, victoria):
    proposal = propose(victoria)
    _, found = read(proposal)
    assert found["errors"] == {"web", "cart", "checkout"}
    assert proposal.text.replace(victoria, http_by_job) == propose(http_by_job).text


def test_spans_of_services_in_namespaces_and_who_calls_whom(traced):
    proposal = propose(traced)
    settings, found = read(proposal)
    assert settings.entities["service"].labels == ("namespace", "service_name")
    services = {"shop/web", "shop/cart", "platform/pricing"}
    assert all(found[name] == services for name in ("requests", "errors", "busy", "latency"))
    assert found["call_requests"] == found["call_seconds"] == {"web/cart", "cart/pricing", "user/web"}
    reader, end = Reader(settings), int(time.time())
    entities = {v.entity for v in reader.read(end // 60 * 60 - 600, end // 60 * 60).matrix.variables}
    ties = read_topology(settings, reader.client, entities, end - 3600, end).ties
    assert {tuple(str(entity) for _, entity in tie.ends[:2]) for tie in ties} == {
        ("shop/web", "shop/cart"),
        ("shop/cart", "platform/pricing"),
    }
    assert said(proposal, "relation calls: 2 pairs")


def test_spans_count_what_was_served_in_seconds(traced):
    settings = parse_settings(propose(traced).text)
    reader, end = Reader(settings), int(time.time()) // 60 * 60
    matrix = reader.read(end - 1200, end).matrix
    means = {str(v): matrix.row(v).mean() for v in matrix.variables}
    assert means["shop/web.requests"] == pytest.approx(10, rel=0.3)  # the 30 client spans per second are left out
    assert means["shop/web.errors"] == pytest.approx(1, rel=0.3)
    assert means["shop/web.latency"] == pytest.approx(0.05, rel=0.01)
    assert means["shop/web.busy"] == pytest.approx(0.5, rel=0.3)


def test_a_mesh_that_reports_every_call_twice(mesh):
    settings, found = read(propose(mesh))
    assert settings.packs["istio"]["labels"] == ["destination_workload_namespace", "destination_workload"]
    assert settings.entities["service"].labels == ("destination_workload_namespace", "destination_workload")
    assert found["requests"] == found["latency"] == {"shop/cart", "platform/pricing"}
    assert found["cpu"] == found["restarts"] == {"shop/web", "shop/cart", "platform/pricing"}
    assert 'reporter="destination"' in settings.signals["requests"].query
    assert found["node_cpu"] == {"node-one", "node-two"}
    assert set(settings.relations) == {"calls", "runs_on"}


def test_recording_rules(shop):
    settings, found = read(propose(shop))
    assert settings.entities["service"].labels == ("namespace", "service")
    assert settings.entities["call"].labels == ("client_namespace", "client", "server_namespace", "server")
    assert settings.signals["latency"].query == "service:latency_seconds:mean30s"
    assert (settings.step, settings.signals["latency"].window) == (30, 30)
    assert len(found["latency"]) == len(found["restarts"]) == 10
    assert len(found["call_seconds"]) == 13


def test_a_bare_node_exporter(machines):
    proposal = propose(machines)
    settings, found = read(proposal)
    assert settings.entities["node"].labels == ("instance",)
    assert {"node_cpu", "node_memory", "node_load", "node_received", "node_sent"} <= set(found)
    assert all(len(entities) == 1 for entities in found.values())
    assert settings.step == 15
    assert said(proposal, "scores begin in about")


def test_init_then_check_from_the_command_line(shop, machines, traced, http_by_job, mesh, victoria, tmp_path):
    for url in (shop, machines, traced, http_by_job, mesh, victoria):
        file = str(tmp_path / "causal.yaml")
        written = CliRunner().invoke(main, ["init", "--prometheus", url, "--output", file, "--force"])
        assert written.exit_code == 0, written.output
        checked = CliRunner().invoke(main, ["check", "--config", file])
        assert checked.exit_code == 0, checked.output
        assert "all fine" in checked.output


def test_an_existing_file_is_not_overwritten(http_by_job, tmp_path):
    file = tmp_path / "causal.yaml"
    file.write_text("mine")
    result = CliRunner().invoke(main, ["init", "--prometheus", http_by_job, "--output", str(file)])
    assert result.exit_code == 2
    assert file.read_text() == "mine"


def test_nobody_listens():
    with pytest.raises(InitError, match=r"cannot be reached.*check --prometheus"):
        propose("http://127.0.0.1:9")


def test_no_address():
    with pytest.raises(InitError, match="write it as http"):
        propose("prometheus:9090")


@responses.activate
@pytest.mark.parametrize("names", [None, [], ["something_else"]])
def test_nothing_that_is_recognised(names):
    responses.get("http://prom/api/v1/label/__name__/values", json={"status": "success", "data": names})
    with pytest.raises(InitError, match=r"knows no metric yet|none that is recognised"):
        propose("http://prom")


@responses.activate
@pytest.mark.parametrize("body", ["<html>", '{"status": "success", "data": {"a": 1}}', "[]"])
def test_not_a_prometheus(body):
    responses.get("http://prom/api/v1/label/__name__/values", body=body)
    with pytest.raises(InitError):
        propose("http://prom")


@pytest.mark.parametrize(
    ("interval", "step", "window"),
    [
        (1, 15, 15),
        (5, 30, 30),
        (15, 60, 60),
        (14.9, 60, 60),
        (30, 60, 120),
        (60, 60, 300),
        (600, 600, 3600),
        (1800, 1800, 7200),
    ],
)
def test_a_window_holds_four_samples(interval, step, window):
    timing = choose_timing(interval)
    assert timing[:2] == (step, window)
    assert timing.window % timing.step == 0


@pytest.mark.parametrize(
    ("every", "step", "points"), [(1, 15, 120), (15, 60, 120), (60, 60, 120), (120, 120, 60), (300, 300, 30)]
)
def test_a_warm_up_takes_two_hours_also_at_a_coarse_step(every, step, points):
    timing = choose_timing(every)
    assert (timing.step, warm_up(timing)) == (step, points)
    signals = [SignalText("up", "s", "up", step, "short", "", "gauge")]
    draft = Draft("http://p", "x", timing, every, 86400, (), {"s": ["a"]}, signals)
    settings = parse_settings(write(draft))
    assert settings.evaluation.warm_up == points
    assert f"Scores begin after {points} points" in " ".join(write(draft).split()).replace(" # ", " ")
