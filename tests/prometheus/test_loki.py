"""Loki's metric queries are signals like any other: same reader, other path, other times, errors in plain text."""

from typing import Any

import pytest
from serving import Answer, Asked, Server, serve, success

from datasource.cli.check_signals import check_signal
from datasource.data import empty_matrix
from datasource.prometheus import PrometheusError, Reader, SignalReport
from datasource.settings import Settings, SettingsError, parse_settings

LOGGED = {
    "resultType": "matrix",
    "result": [
        {"metric": {"service": "web"}, "values": [[0, "3"], [30, "5"], [60, "0"]]},
        {"metric": {"service": "cart"}, "values": [[30, "1"]]},
    ],
    "stats": {"summary": {"bytesProcessedPerSecond": 0}},
}
QUERY = 'sum by (service) (count_over_time({app="shop"} |= "panic" [30s]))'


def settings(prometheus: Server, loki: Server) -> Settings:
    return parse_settings(
        f"""
prometheus: {{url: '{prometheus.url}', latency_offset: 5s}}
loki:
  url: {loki.url}
  latency_offset: 20s
  http_headers: {{X-Scope-OrgID: {{values: [tenant-a]}}}}
entities: {{service: {{labels: [service]}}}}
signals:
  cpu: {{entity: service, query: cpu, window: 30s}}
  panics: {{entity: service, source: loki, query: '{QUERY}', window: 30s, kind: event, role: event, encode: active}}
"""
    )


def metrics(_: Asked) -> Answer:
    return success({"resultType": "matrix", "result": [{"metric": {"service": "web"}, "values": [[0, "0.5"]]}]})


def test_a_log_query_is_read_like_a_metric_at_lokis_path_with_rfc3339_times() -> None:
    with serve(metrics) as prometheus, serve(lambda _: success(LOGGED)) as loki:
        reader = Reader(settings(prometheus, loki))
        matrix = reader.read(0, 60).matrix
        rows = {str(variable): list(matrix.row(variable)) for variable in matrix.variables}
        assert rows["web.panics"] == [3, 5, 0]
        assert rows["web.cpu"][0] == 0.5
        (asked,) = loki.asked
        assert asked.path == "/loki/api/v1/query_range"
        assert asked.params["start"] == ["1970-01-01T00:00:00Z"]
        assert asked.params["end"] == ["1970-01-01T00:01:00Z"]
        assert asked.params["step"] == ["30"]
        assert asked.params["query"] == [QUERY]
        assert asked.headers["X-Scope-OrgID"] == "tenant-a"
        assert [one.path for one in prometheus.asked] == ["/api/v1/query_range"]


def test_the_newest_point_waits_for_the_slower_of_the_two() -> None:
    with serve(metrics) as prometheus, serve(metrics) as loki:
        assert Reader(settings(prometheus, loki)).newest(139.0) == 90


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(400, b"parse error at line 1, col 5: syntax error"), "syntax error"),
        (Answer(429, b"maximum of series (500) reached for a single query"), "maximum of series"),
        (Answer(200, b"<html>"), "not with"),
        (success({"resultType": "streams", "result": [{"stream": {}, "values": [["1", "line"]]}]}), "streams"),
        (Answer(502, b"bad gateway"), "HTTP 502"),
    ],
    ids=["wrong query", "limit", "html", "log lines", "gateway"],
)
def test_what_goes_wrong_in_loki_is_that_signals_problem_alone(answer: Answer, says: str) -> None:
    with serve(metrics) as prometheus, serve(lambda _: answer) as loki:
        matrix, reports = Reader(settings(prometheus, loki)).read(0, 60)
        assert [str(variable) for variable in matrix.variables] == ["web.cpu"]
        (problem,) = (report.problem for report in reports if report.problem)
        assert says in problem
        assert loki.url in problem


@pytest.mark.parametrize(("kind", "state"), [("event", "note"), ("gauge", "wrong")])
def test_no_matching_line_is_normal_for_an_event(kind: str, state: str) -> None:
    with serve(metrics) as prometheus, serve(metrics) as loki:
        text = settings(prometheus, loki)
    signal = text.signals["panics"].model_copy(update={"kind": kind})
    text = text.model_copy(update={"signals": {"panics": signal}})
    found = check_signal(text, SignalReport("panics", 0, 0), empty_matrix(0, 30), None)  # type: ignore[arg-type]
    assert (found.state, found.text.partition(";")[0]) == (state, "no line matched")


def test_when_both_are_gone_the_error_comes_out() -> None:
    with serve(metrics) as prometheus, serve(metrics) as loki:
        reader = Reader(settings(prometheus, loki))
    with pytest.raises(PrometheusError, match="cannot be reached"):
        reader.read(0, 60)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("loki:", "lokki:"), "no such key"),
        (("loki: {url: 'http://loki:3100'}", ""), "there is no loki block"),
        (("kind: event", "kind: gauge"), "only events are encoded"),
    ],
)
def test_settings_that_do_not_fit_say_so(change: Any, says: str) -> None:
    text = """
prometheus: {url: 'http://p:9090'}
loki: {url: 'http://loki:3100'}
entities: {service: {labels: [service]}}
signals:
  panics: {entity: service, source: loki, query: q, window: 30s, kind: event, encode: active}
"""
    parse_settings(text)
    with pytest.raises(SettingsError, match=says):
        parse_settings(text.replace(*change))
