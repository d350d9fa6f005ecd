"""Prometheus being slow, gone, or answering nonsense: each way has its own clear error."""

import numpy as np
import pytest
import requests
import responses

from datasource.prometheus import History, PrometheusClient, PrometheusError, Reader
from datasource.settings import parse_settings

URL = "http://prometheus.test:9090"
RANGE = f"{URL}/api/v1/query_range"
SETTINGS = parse_settings(
    f"""
prometheus: {{url: '{URL}', retries: 0, latency_offset: 0s}}
entities: {{service: {{labels: [service]}}}}
signals:
  latency: {{entity: service, query: latency, window: 30s}}
  cpu: {{entity: service, query: cpu, window: 30s}}
"""
)


def answer(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> dict[str, object]:
    result = [{"metric": labels, "values": [[t, v] for t, v in values]} for labels, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"body": requests.ConnectionError("Connection refused")}, "unreachable", "connection refused"),
        ({"body": requests.ReadTimeout()}, "timeout", "raise prometheus.timeout"),
        (
            {"json": {"status": "error", "errorType": "bad_data", "error": "parse error at char 3"}, "status": 400},
            "bad_query",
            "parse error at char 3",
        ),
        (
            {"json": {"status": "error", "errorType": "execution", "error": "too many samples"}, "status": 422},
            "bad_query",
            "too many samples",
        ),
        ({"body": "Bad Gateway", "status": 502}, "unavailable", "HTTP 502"),
        (
            {"json": {"status": "error", "errorType": "timeout", "error": "query timed out"}, "status": 503},
            "unavailable",
            "query timed out",
        ),
        ({"body": "<html>login</html>", "content_type": "text/html"}, "not_json", "text/html"),
        ({"json": [1, 2, 3]}, "not_json", "path prefix"),
        ({"json": {"status": "success", "data": {"result": [{"metric": {}}]}}}, "not_json", "not Prometheus' matrix"),
        ({"json": {"status": "success", "data": None}}, "not_json", "not Prometheus' matrix"),
    ],
)
@responses.activate
def test_each_failure_says_what_happened_and_what_to_do(given: dict[str, object], kind: str, says: str) -> None:
    responses.get(RANGE, **given)  # type: ignore[arg-type]
    with pytest.raises(PrometheusError) as error:
        list(PrometheusClient(URL, retries=0).query_range("up", 0, 60, 30))
    assert error.value.kind == kind
    assert says in str(error.value)
    assert URL in str(error.value)


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (400, "exceeded maximum resolution of 11,000 points per timeseries.", "lower prometheus.max_points"),
        (400, "too many points for the given step", "lower prometheus.max_points"),
        (422, "query processing would load too many samples into memory in query execution", "shorten 'baseline'"),
        (
            422,
            "exceeded the maximum number of chunks (err-mimir-max-chunks-per-query); number of series selected",
            "max_p",
        ),
        (422, "the query time range exceeds the limit (query length: 768h, limit: 721h)", "a shorter time"),
        (422, "the number of matching timeseries exceeds 300000", "fewer series"),
        (422, "multiple matches for labels: many-to-one matching must be explicit", "aggregate that side first"),
        (503, "context deadline exceeded", "--query.timeout"),
        (429, "too many outstanding requests", "lower prometheus.concurrency"),
    ],
)
@responses.activate
def test_a_refusal_says_what_to_change_here(status: int, said: str, advice: str) -> None:
    responses.get(RANGE, json={"status": "error", "errorType": "execution", "error": said}, status=status)
    with pytest.raises(PrometheusError) as error:
        list(PrometheusClient(URL, retries=0).query_range("up", 0, 60, 30))
    assert said.rstrip(".") in str(error.value)
    assert advice in str(error.value)


@responses.activate
def test_too_many_requests_without_a_word_of_json_says_so_too() -> None:
    responses.get(RANGE, body="<html>slow down</html>", status=429)
    with pytest.raises(PrometheusError, match=r"HTTP 429.*lower prometheus\.concurrency") as error:
        list(PrometheusClient(URL, retries=0).query_range("up", 0, 60, 30))
    assert error.value.kind == "unavailable"


@responses.activate
def test_a_mistake_in_the_query_gets_no_advice_on_limits() -> None:
    responses.get(RANGE, json={"status": "error", "errorType": "bad_data", "error": "1:5: parse error"}, status=400)
    with pytest.raises(PrometheusError, match=r"parse error$"):
        list(PrometheusClient(URL, retries=0).query_range("up", 0, 60, 30))


def test_a_refused_connection_is_told_as_such() -> None:
    with pytest.raises(PrometheusError, match="connection refused"):
        list(PrometheusClient("http://127.0.0.1:1", retries=0).query_range("up", 0, 60, 30))


@responses.activate
def test_ranges_beyond_11000_points_are_split_without_overlap() -> None:
    responses.get(RANGE, json=answer())
    list(PrometheusClient(URL).query_range("up", 0, 30 * 24_999, 30))
    asked = [call.request.params for call in responses.calls]  # type: ignore[attr-defined]
    spans = [(int(p["start"]), int(p["end"])) for p in asked]
    assert spans == [(0, 329_970), (330_000, 659_970), (660_000, 749_970)]
    assert all((end - start) // 30 + 1 <= 11_000 for start, end in spans)


@responses.activate
def test_gaps_and_values_that_are_no_numbers_stay_nan() -> None:
    web = {"service": "web"}
    responses.get(RANGE, json=answer((web, [(0, "1.5"), (60, "NaN"), (90, "+Inf"), (120, "2e-3")])))
    matrix, reports = Reader(SETTINGS).read(0, 120)
    row = matrix.row(matrix.variables[0])
    assert np.array_equal(row, [1.5, np.nan, np.nan, np.nan, 0.002], equal_nan=True)
    assert (reports[0].entities, reports[0].points) == (1, 2)


@responses.activate
def test_one_failing_signal_does_not_take_the_others_along() -> None:
    responses.get(RANGE, json=answer(({"service": "web"}, [(0, "1")])), match=[query("latency")])
    responses.get(
        RANGE, json={"status": "error", "errorType": "bad_data", "error": "boom"}, status=400, match=[query("cpu")]
    )
    matrix, reports = Reader(SETTINGS).read(0, 60)
    assert [str(v) for v in matrix.variables] == ["web.latency"]
    assert "boom" in reports[1].problem


@responses.activate
def test_when_every_signal_fails_the_error_comes_out() -> None:
    responses.get(RANGE, body="", status=500)
    with pytest.raises(PrometheusError, match="HTTP 500"):
        Reader(SETTINGS).read(0, 60)


@responses.activate
def test_several_series_for_one_entity_are_never_mixed() -> None:
    one, two = {"service": "web", "pod": "1"}, {"service": "web", "pod": "2"}
    responses.get(RANGE, json=answer((one, [(0, "1")]), (two, [(0, "2")])))
    matrix, reports = Reader(SETTINGS).read(0, 60)
    assert not matrix.variables
    assert "aggregate with 'sum by (service)" in reports[0].problem


@responses.activate
def test_a_series_without_the_entitys_label_is_told() -> None:
    responses.get(RANGE, json=answer(({"job": "web"}, [(0, "1")])))
    _, reports = Reader(SETTINGS).read(0, 60)
    assert "no label 'service'" in reports[0].problem
    assert 'job="web"' in reports[0].problem


@responses.activate
def test_a_refresh_reads_only_the_tail_and_keeps_a_signal_that_failed() -> None:
    web = {"service": "web"}
    responses.get(RANGE, json=answer((web, [(t, str(t)) for t in range(0, 301, 30)])))
    history = History(Reader(SETTINGS), keep=8)
    first = history.update(300)
    assert (first.start, first.end) == (90, 300)
    responses.reset()
    responses.get(RANGE, json=answer((web, [(t, str(-t)) for t in range(240, 361, 30)])), match=[query("latency")])
    responses.get(RANGE, body="", status=502, match=[query("cpu")])
    second = history.update(360)
    assert all(int(call.request.params["start"]) == 240 for call in responses.calls)  # type: ignore[attr-defined]
    rows = {str(v): list(second.row(v)) for v in second.variables}
    assert rows["web.latency"] == [150, 180, 210, -240, -270, -300, -330, -360]
    assert np.array_equal(rows["web.cpu"], [150, 180, 210, 240, 270, 300, np.nan, np.nan], equal_nan=True)


@responses.activate
def test_when_prometheus_is_gone_the_history_stays_and_catches_up() -> None:
    web = {"service": "web"}
    responses.get(RANGE, json=answer((web, [(t, "1") for t in range(0, 301, 30)])))
    history = History(Reader(SETTINGS), keep=8)
    history.update(300)
    responses.reset()
    responses.get(RANGE, body=requests.ConnectionError("Connection refused"))
    with pytest.raises(PrometheusError):
        history.update(330)
    responses.reset()
    responses.get(RANGE, json=answer((web, [(t, "1") for t in range(240, 421, 30)])))
    assert history.update(420).end == 420


def query(text: str) -> object:
    return responses.matchers.query_param_matcher({"query": text}, strict_match=False)
