"""Loki, VictoriaLogs and Tempo, ready-made: what their packs read, and that the judge finds who broke in them."""

from itertools import pairwise

import log_servers
import numpy as np
import pytest
from log_servers import BROKEN, END, SERVICES, STEP
from serving import Answer, serve, success

from datasource.cli.check_signals import check_signal
from datasource.data import Entity, Matrix, Variable, empty_matrix
from datasource.prometheus import Reader, SignalReport
from datasource.replay import evaluate_matrix
from datasource.settings import Loaded, SettingsError, parse_settings
from datasource.topology import read_topology

BLOCKS = {"loki": "answer_loki", "victorialogs": "answer_victorialogs", "tempo": "answer_tempo"}


def settings(block, url, packs, more=""):
    return parse_settings(
        f"prometheus: {{url: 'http://127.0.0.1:1'}}\n{block}: {{url: '{url}'}}\nstep: {STEP}s\nbaseline: 2h\n"
        f"packs: {packs}\n{more}"
    )


def read(block, packs, more=""):
    """The matrix of a pack from the stand-in of its server, and the settings."""
    with serve(getattr(log_servers, BLOCKS[block])) as server:
        asked = settings(block, server.url, packs, more)
        found = Reader(asked).read(0, END)
    assert [report.problem for report in found.reports if report.problem] == []
    return found.matrix, asked


def row(matrix, signal, *values):
    (found,) = [v for v in matrix.variables if v.signal == signal and tuple(x for _, x in v.entity.labels) == values]
    return matrix.row(found)


@pytest.mark.parametrize(("block", "per"), [("loki", STEP), ("victorialogs", 1)])
def test_lines_and_error_lines_stand_at_the_step_at_whose_end_they_were_logged(block, per):
    window = "30s" if block == "loki" else "2m"
    matrix, _ = read(block, f"{{{block}: {{labels: [service_name], window: {window}}}}}")
    for service in SERVICES:
        assert row(matrix, "lines", service) == pytest.approx(log_servers.lines(service) / per)
        counted = np.nan_to_num(row(matrix, "error_lines", service))
        assert counted == pytest.approx(log_servers.errors(service) / per)
        coded = np.nan_to_num(row(matrix, "coded_errors", service, "E42"))
        assert coded == pytest.approx(log_servers.errors(service) / per)


def test_spans_of_tempo_are_read_three_hours_at_a_time_and_nobody_is_left_out():
    long = 12 * 3600
    with serve(log_servers.answer_tempo) as server:
        reader = Reader(settings("tempo", server.url, "{tempo: {labels: [service_name]}}"))
        matrix = reader.read(END - long, END).matrix
        asked = [(int(one.params["start"][0]), int(one.params["end"][0])) for one in server.asked]
        assert {one.params["step"][0] for one in server.asked} == {"30s"}
    spans = sorted(set(asked))
    assert len(spans) > 4
    assert all(later[0] == earlier[1] + STEP for earlier, later in pairwise(spans)), "no overlap"
    assert {str(v.entity) for v in matrix.variables} == set(SERVICES)
    for service in SERVICES:
        assert row(matrix, "latency", service)[-len(log_servers.latency(service)) :] == pytest.approx(
            log_servers.latency(service)
        )
        assert row(matrix, "errors", service)[-1] == log_servers.errors(service)[-1]


@pytest.mark.parametrize(
    ("block", "packs"),
    [
        ("loki", "{loki: {labels: [service_name], window: 30s}}"),
        ("victorialogs", "{victorialogs: {labels: [service_name]}}"),
        ("tempo", "{tempo: {labels: [service_name]}}"),
        ("loki", "{loki: {labels: [service_name], window: 30s}, loki_patterns: {window: 30s}}"),
    ],
)
def test_who_began_to_fail_is_found_in_logs_and_traces_alone(block, packs):
    matrix, asked = read(block, packs)
    snapshot = evaluate_matrix(Loaded(asked, "fp"), matrix)
    anomalous = {str(verdict.entity) for verdict in snapshot.judgement.verdicts}
    assert "cart" in anomalous
    assert not any(name == "web" or name.startswith("web/") for name in anomalous)
    (whole,) = [v for v in snapshot.judgement.verdicts if str(v.entity) == "cart"]
    assert str(whole.root_cause).startswith("cart")
    before = evaluate_matrix(Loaded(asked, "fp"), Matrix(matrix.variables, 0, STEP, matrix.values[:, :BROKEN]))
    assert not before.judgement.verdicts


def test_an_error_code_is_a_part_of_its_service_and_a_pattern_too():
    matrix, asked = read("loki", "{loki: {labels: [service_name], window: 30s}, loki_patterns: {window: 30s}}")
    topology = read_topology(asked, None, {v.entity for v in matrix.variables}, 0, END)
    tied = {tuple(map(str, (tie.end("part"), tie.end("whole")))) for tie in topology.along("error_codes")}
    assert tied == {("cart/E42", "cart"), ("web/E42", "web")}
    assert {str(tie.end("whole")) for tie in topology.along("patterns")} == set(SERVICES)
    pattern = Entity("log_pattern", (("service_name", "cart"), ("pattern", "payment <_> refused")))
    assert matrix.row(Variable(pattern, "pattern_lines")) == pytest.approx(log_servers.errors("cart"))


def test_labels_of_logs_may_be_called_otherwise_than_the_services():
    packs = "{istio: {}, loki: {window: 30s}}"
    with serve(log_servers.answer_loki) as server:
        asked = settings("loki", server.url, packs)
        signals = {name: one for name, one in asked.signals.items() if one.source == "loki"}
        matrix = Reader(asked.model_copy(update={"signals": signals})).read(0, END).matrix
    assert asked.entities["service"].labels == ("destination_workload_namespace", "destination_workload")
    assert {str(v.entity) for v in matrix.variables if v.signal == "lines"} == {"shop/web", "shop/cart"}


def test_events_of_kubernetes_come_from_loki_where_no_exporter_counts_them():
    matrix, asked = read("loki", "{loki_events: {window: 30s}}")
    assert asked.signals["event_warnings"].kind == "event"
    assert {str(v) for v in matrix.variables} == {
        f"shop/{service}.{signal}" for service in SERVICES for signal in ("event_warnings", "killings")
    }


@pytest.mark.parametrize(
    ("block", "answer", "says"),
    [
        ("tempo", Answer(400, b"invalid TraceQL metrics query"), "invalid TraceQL metrics query"),
        ("tempo", Answer(200, b'{"traces": []}'), None),
        ("tempo", Answer(200, b'{"series": [{"labels": 7}]}'), "end the query with a function"),
        ("tempo", Answer(404, b"404 page not found"), "404"),
        ("victorialogs", Answer(400, b"cannot parse query: missing stats pipe"), "missing stats pipe"),
        ("victorialogs", Answer(200, b'{"_msg": "a line"}'), "end the query with a pipe"),
        ("victorialogs", success({"resultType": "matrix", "result": None}), None),
        ("loki", Answer(500, b"too many outstanding requests"), "HTTP 500"),
    ],
)
def test_what_goes_wrong_is_said_in_one_sentence_that_names_the_server(block, answer, says):
    pack = "{labels: [service_name]}"
    with serve(lambda _: answer) as server, serve(lambda _: success()) as prometheus:
        text = settings(
            block, server.url, f"{{{block}: {pack}}}", "signals: {cpu: {entity: service, query: c, window: 30s}}"
        )
        text = text.model_copy(update={"prometheus": text.prometheus.model_copy(update={"url": prometheus.url})})
        reports = {one.signal: one.problem for one in Reader(text).read(0, 60).reports}
    problem = reports["requests" if block == "tempo" else "lines"]
    assert "\n" not in problem
    assert (says in problem and server.url in problem) if says else not problem


def test_no_error_line_at_all_is_no_fault_of_the_query():
    asked = settings("loki", "http://127.0.0.1:1", "{loki: {labels: [service_name]}}")
    for signal in ("killings", "event_warnings"):
        assert signal not in asked.signals
    found = check_signal(asked, SignalReport("lines", 0, 0), empty_matrix(0, 30), None)
    assert (found.state, found.text) == ("wrong", "no line matched; try the query in Loki if some should have")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("packs: [tempo]", "there is no tempo block; add one with its url, as tempo: {url: http://tempo:3200}"),
        ("packs: [victorialogs]", "there is no victorialogs block"),
        (
            "entities: {service: {labels: [service]}}\n"
            "signals: {x: {entity: service, query: q, window: 30s, labels: {servce: app}}}",
            "has no label 'servce'; did you mean 'service'",
        ),
    ],
)
def test_settings_that_cannot_work_say_so(text, says):
    with pytest.raises(SettingsError) as error:
        parse_settings(f"prometheus: {{url: 'http://p:9090'}}\n{text}\n")
    assert says in str(error.value)
