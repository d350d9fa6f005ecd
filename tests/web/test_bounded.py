"""Nothing that is sent costs much: what is too large, too deep or too many is answered in words, the rest once."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from test_json_datasource import body
from worlds import World

from datasource.panels import QueryError
from datasource.service import health_metrics
from datasource.web import json_datasource
from datasource.web.answers import COMPUTING, Answers
from datasource.web.app import create_app

HARMFUL = ["([a-z/]+)+X", "(a|a)*b", ".*" * 300 + "!"]


def nested(depth: int, inner: Any = "shop/web") -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize("pattern", HARMFUL)
def test_harmful_patterns_are_answered_through_every_door(client: FlaskClient, pattern: str) -> None:
    for operator in ("=~", "!~"):
        filters = [{"key": "service", "operator": operator, "value": pattern}]
        for key in ("filters", "adhocFilters"):
            assert client.post("/query", json=body("anomaly_score") | {key: filters}).status_code == 200
    for parameter in ("entity", "signal"):
        assert client.post("/query", json=body("anomaly_score", {parameter: pattern})).status_code == 400
    assert client.get("/api/v1/incidents", query_string={"entity": pattern}).status_code == 400
    assert client.post("/annotations", json={"annotation": {"query": pattern}}).status_code == 400
    assert client.post("/variable", json={"payload": pattern}).status_code == 400
    assert client.post("/tag-values", json={"key": pattern}).get_json() == []


@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [
        (body("anomaly_score", {"entity": nested(500)}), 400, "list in a list"),
        (body("anomaly_score", {"entity": {"value": nested(20)}}), 400, "list in a list"),
        (body("anomaly_score", "[" * 2000 + "]" * 2000), 200, ""),
        (body("anomaly_score", {"entity": "[" * 500 + "]" * 500}), 400, "list in a list"),
        (body("anomaly_score", {"entity": ["shop/web"] * 100_000}), 200, ""),
        (body("anomaly_score", {"entity": [f"x{number}.*" for number in range(2000)]}), 400, "1000 at most"),
        (body("anomaly_score", {"entity": "x" * 1_000_000}), 400, "matches nothing"),
        (body("x" * 1_000_000), 400, "there is no panel"),
        (body("anomaly_score", maxDataPoints=10**300), 200, ""),
        (body("anomaly_score", filters=[{"key": "a"}] * 1000), 400, "too many"),
        (body("anomaly_score") | {"targets": [{"refId": "A", "target": "anomaly_score"}] * 60}, 400, "60 targets"),
        (body("episodes", range={"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T00:00:00Z"}), 200, ""),
        (body("incidents", range={"from": -(10**300), "to": 10**300}), 200, ""),
        (body("anomaly_score", range={"from": "x" * 5000, "to": "2"}), 400, "is no time"),
    ],
)
def test_what_is_too_deep_or_too_many_is_answered_in_few_words(
    client: FlaskClient, sent: Any, status: int, says: str
) -> None:
    answer = client.post("/query", json=sent)
    assert answer.status_code == status
    if status != 200:
        assert says in answer.get_json()["message"]
        assert len(answer.data) < 3000


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"1e999", b'{"targets": 1e400}'])
def test_what_is_no_json_is_refused(client: FlaskClient, raw: bytes) -> None:
    assert client.post("/query", data=raw).status_code == 400


def test_large_and_packed_bodies_are_refused(client: FlaskClient) -> None:
    assert client.post("/query", data=b" " * 5_000_000).status_code == 413
    packed = client.post("/query", data=gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415
    assert "send it as it is" in packed.get_json()["message"]


def test_many_targets_together_end_in_a_notice(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_datasource, "_MOST_BYTES", 3_000_000)
    targets = [{"refId": f"R{number}", "target": "anomaly_score"} for number in range(20)]
    answer = client.post("/query", json=body("anomaly_score", maxDataPoints=500) | {"targets": targets})
    assert len(answer.data) < 3_500_000
    by_ref = {frame["refId"]: frame for frame in answer.get_json()}
    assert len(by_ref) == 20, "each target has an answer"
    assert by_ref["R0"]["name"] != "notice"
    (notice,) = by_ref["R19"]["meta"]["notices"]
    assert "choose fewer entities" in notice["text"]


class Computing:
    """Counts how often something is computed, and may hold it up."""

    def __init__(self, answer: bytes = b"answer") -> None:
        self.times = 0
        self.answer = answer
        self.go_on = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> bytes:
        self.times += 1
        self.begun.set()
        assert self.go_on.wait(10)
        return self.answer


def test_a_question_in_flight_is_computed_once() -> None:
    answers, computing, snapshot = Answers(), Computing(), object()
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(answers.get, snapshot, "question", computing) for _ in range(16)]
        assert computing.begun.wait(10)
        computing.go_on.set()
        assert {one.result(10).plain for one in asked} == {b"answer"}
    assert computing.times == 1


def test_few_answers_are_computed_at_once_and_those_that_are_there_need_not_wait() -> None:
    answers, snapshot = Answers(), object()
    answers.get(snapshot, "there", lambda: b"answer")
    slow = [Computing() for _ in range(COMPUTING + 2)]
    with ThreadPoolExecutor(len(slow)) as pool:
        asked = [pool.submit(answers.get, snapshot, number, one) for number, one in enumerate(slow[:COMPUTING])]
        assert all(one.begun.wait(10) for one in slow[:COMPUTING])
        asked += [pool.submit(answers.get, snapshot, f"more {number}", slow[-number]) for number in (1, 2)]
        assert answers.get(snapshot, "there", lambda: b"another").plain == b"answer"
        assert not any(one.begun.is_set() for one in slow[COMPUTING:])
        for one in slow:
            one.go_on.set()
        assert {one.result(10).plain for one in asked} == {b"answer"}


def test_another_snapshot_or_question_is_computed_anew_and_an_error_is_not_kept() -> None:
    answers, one, other = Answers(), object(), object()
    assert answers.get(one, "a", lambda: b"1").plain == b"1"
    assert answers.get(one, "b", lambda: b"2").plain == b"2"
    assert answers.get(other, "a", lambda: b"3").plain == b"3"

    def fails() -> bytes:
        raise QueryError("no")

    with pytest.raises(QueryError):
        answers.get(other, "c", fails)
    assert answers.get(other, "c", lambda: b"4").plain == b"4"


def test_answers_do_not_outgrow_their_room() -> None:
    answers, snapshot = Answers(most_bytes=100_000), object()
    for number in range(1000):
        answers.get(snapshot, number, lambda: bytes(range(256)) * 4)
    assert answers.bytes_kept <= 100_000
    recent = Computing()
    answers.get(snapshot, 999, recent)
    assert not recent.times, "the newest one is kept"


@pytest.fixture
def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[FlaskClient, list[str]]:
    """A fresh client, and which panels were computed."""
    asked: list[str] = []
    registry = json_datasource.REGISTRY

    class Counting:
        panels = registry.panels
        get = registry.get

        @staticmethod
        def answer(query: Any, snapshot: Any, waiting: str) -> Any:
            asked.append(query.panel)
            return registry.answer(query, snapshot, waiting)

    monkeypatch.setattr(json_datasource, "REGISTRY", Counting)
    return create_app(world.clock).test_client(), asked


def test_a_panel_is_computed_once_a_snapshot_whoever_asks_within_a_step(
    counted: tuple[FlaskClient, list[str]], world: World
) -> None:
    client, asked = counted
    newest = world.clock.snapshot
    assert newest
    answers = set()
    for milliseconds in (1, 500, 20_000):
        sent = body("anomaly_score")
        sent["range"] = {"from": (newest.time - 3599) * 1000 + milliseconds, "to": newest.time * 1000 + milliseconds}
        answers.add(client.post("/query", json=sent).data)
    assert (len(answers), asked) == (1, ["anomaly_score"])
    world.clock.snapshot = replace(newest)
    try:
        client.post("/query", json=body("anomaly_score"))
        assert asked == ["anomaly_score"] * 2
    finally:
        world.clock.snapshot = newest


def test_metrics_are_written_once_a_snapshot(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    times = []
    real = health_metrics.samples
    monkeypatch.setattr(health_metrics, "samples", lambda snapshot: times.append(1) or real(snapshot))
    client = create_app(world.clock).test_client()
    texts = [client.get("/metrics").text for _ in range(5)]
    assert len(times) == 1
    families = [{family.name: family for family in text_string_to_metric_families(text)} for text in texts]
    requests = [family["causal_datasource_http_requests"].samples for family in families[1:]]
    assert [one[0].value for one in requests] == [1, 2, 3, 4], "our own counters are live"


def test_answers_are_compressed_for_those_who_can_read_it(client: FlaskClient) -> None:
    for method, path, sent in (("POST", "/query", body("anomaly_score")), ("GET", "/metrics", None)):
        plain = client.open(path, method=method, json=sent)
        packed = client.open(path, method=method, json=sent, headers={"Accept-Encoding": "gzip, deflate"})
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert len(packed.data) < len(plain.data) / 2
        if path == "/query":
            assert gzip.decompress(packed.data) == plain.data
    refused = client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


@pytest.mark.parametrize("path", ["/api/v1/snapshot", "/api/v1/incidents", "/page/page.js"])
def test_who_has_the_newest_answer_gets_no_other_copy(client: FlaskClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")
    other = client.get(path, headers={"If-None-Match": '"another"'})
    assert other.data == first.data


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/metrics", "/nowhere", "/api/v1/snapshot", "/page/index.html", "/query"]
)
def test_every_answer_has_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8321", 200),
        ("[::1]:8321", 200),
        ("LOCALHOST:1", 200),
        ("evil.example", 421),
        ("evil.example:8321", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
    ],
)
def test_on_loopback_the_name_of_a_stranger_gets_nothing(world: World, host: str, status: int) -> None:
    answer = create_app(world.clock, loopback=True).test_client().get("/healthz", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert "--listen" in answer.get_json()["message"]
    assert create_app(world.clock).test_client().get("/healthz", headers={"Host": host}).status_code == 200
