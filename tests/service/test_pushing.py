"""Results pushed by remote write: what is sent, what is sent again, what is dropped and told of."""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

import pytest
from serving import Answer, Asked, Server, serve

from datasource.demo.child import wait_until
from datasource.prometheus.prompb.protobuf import fields
from datasource.prometheus.prompb.snappy import unpack
from datasource.service import pushing
from datasource.service.pushing import Pusher, why_not_taken
from datasource.settings.remote_write import RemoteWrite

Sent = dict[tuple[tuple[str, str], ...], tuple[int, float | None]]
SCORE = ("score", {"service": "web"}, 1.5)
TAKEN = Answer(204)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(pushing, "_LONGEST_PAUSE", 0.02)


def sent(asked: Asked) -> Sent:
    """Series of a request: time and value, None for the end of it."""
    found: Sent = {}
    for number, series in fields(unpack(asked.body, 2**26)):
        assert number == 1
        labels = []
        for kind, value in fields(series):  # type: ignore[arg-type]
            parts = dict(fields(value))  # type: ignore[arg-type]
            if kind == 1:
                labels.append((parts[1].decode(), parts[2].decode()))  # type: ignore[union-attr]
            else:
                bits = parts[1]
                ends = int.from_bytes(bits, "little") == 0x7FF0000000000002  # type: ignore[arg-type]
                point = parts[2], None if ends else struct.unpack("<d", bits)[0]  # type: ignore[arg-type]
        assert labels == sorted(labels)
        found[tuple(labels)] = point  # type: ignore[assignment]
    return found


def values(asked: Asked) -> dict[str, float | None]:
    return {dict(labels)["__name__"]: value for labels, (_, value) in sent(asked).items()}


@contextmanager
def pushing_to(
    answer: Callable[[Asked], Answer] | Answer, now: Callable[[], float] = time.time, **options: object
) -> Iterator[tuple[Pusher, Server]]:
    with serve(answer) as server:
        pusher = Pusher(RemoteWrite.model_validate({"url": f"{server.url}/push", **options}), now)
        pusher.start()
        try:
            yield pusher, server
        finally:
            pusher._ending.set()
            pusher.stop(5)


def answers(*given: Answer) -> Callable[[Asked], Answer]:
    """One after the other, the last one for good."""
    left = [*given]
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def until(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, 10, 0.01)


def test_samples_are_sent_as_the_protocol_says() -> None:
    with pushing_to(TAKEN, lambda: 1_700_000_000.5, external_labels={"cluster": "a", "service": "x"}) as (
        pusher,
        server,
    ):
        pusher.push([SCORE, ("up", {"empty": ""}, 0.0)])
        until(lambda: pusher.pushed.delivered == 2)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/push")
    assert asked.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert (asked.headers["Content-Encoding"], asked.headers["Content-Type"]) == ("snappy", "application/x-protobuf")
    assert sent(asked) == {
        (("__name__", "score"), ("cluster", "a"), ("service", "web")): (1_700_000_000_500, 1.5),
        (("__name__", "up"), ("cluster", "a"), ("service", "x")): (1_700_000_000_500, 0.0),
    }
    assert pusher.pushed.last_success == 1_700_000_000.5


def test_a_series_that_is_gone_ends_at_once() -> None:
    with pushing_to(TAKEN) as (pusher, server):
        for samples in ([SCORE, ("b", {}, 2.0)], [SCORE], [SCORE]):
            pusher.push(samples)
        until(lambda: pusher.pushed.delivered == 5)
        pusher.stop(5)
    assert [values(asked) for asked in server.asked] == [
        {"score": 1.5, "b": 2.0}, {"score": 1.5, "b": None}, {"score": 1.5}, {"score": None},
    ]  # fmt: skip


def test_who_goes_on_elsewhere_ends_nothing() -> None:
    with pushing_to(TAKEN) as (pusher, server):
        pusher.push([SCORE])
        until(lambda: pusher.pushed.delivered == 1)
        pusher.forget()
        pusher.stop(5)
    assert len(server.asked) == 1


def test_large_results_are_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_BATCH", 10)
    with pushing_to(TAKEN) as (pusher, server):
        pusher.push(("n", {"i": str(number)}, number) for number in range(25))
        until(lambda: pusher.pushed.delivered == 25)
    assert [len(sent(asked)) for asked in server.asked] == [10, 10, 5]


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_what_a_server_cannot_take_now_is_sent_again_in_order(status: int) -> None:
    with pushing_to(answers(Answer(status, b"later"), Answer(status), TAKEN)) as (pusher, server):
        pusher.push([("a", {}, 1.0)])
        until(lambda: f"HTTP {status}" in pusher.pushed.error)
        pusher.push([("a", {}, 2.0)])
        until(lambda: pusher.pushed.delivered == 2)
    assert [values(asked)["a"] for asked in server.asked] == [1.0, 1.0, 1.0, 2.0]
    assert (pusher.pushed.retries, pusher.pushed.error, pusher.pushed.waiting) == (2, "", 0)


def test_a_server_that_says_when_is_asked_then() -> None:
    with pushing_to(answers(Answer(429, b"", {"Retry-After": "0.3"}), TAKEN)) as (pusher, _):
        began = time.monotonic()
        pusher.push([SCORE])
        until(lambda: pusher.pushed.delivered == 1)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(400, b"out of order sample"), "HTTP 400: out of order sample"),
        (Answer(404, b"enable it"), "HTTP 404: enable it; set remote_write.url"),
        (Answer(401, b""), "set remote_write.basic_auth"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}), "redirects to http://127.0.0.1:1/elsewhere"),
        (Answer(413, b"x" * 5000), "HTTP 413: xxx"),
    ],
)
def test_what_is_refused_is_dropped_and_told_until_something_later_is_taken(answer: Answer, says: str) -> None:
    clock = cycle(range(1000, 2000))
    with pushing_to(answers(answer, TAKEN), lambda: float(next(clock))) as (pusher, server):
        pusher.push([SCORE, ("b", {}, 1.0)])
        until(lambda: pusher.pushed.refused == 2)
        assert says in pusher.pushed.error
        assert len(pusher.pushed.error) < 450
        pusher.push([SCORE])
        until(lambda: pusher.pushed.delivered == 2)
        assert pusher.pushed.error == ""
    assert [values(asked) for asked in server.asked] == [{"score": 1.5, "b": 1.0}, {"score": 1.5, "b": None}]


def test_part_of_the_results_being_refused_is_not_hidden_by_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_BATCH", 1)
    with pushing_to(answers(Answer(400, b"no"), TAKEN), lambda: 1000.0) as (pusher, _):
        pusher.push([("a", {}, 1.0), ("b", {}, 1.0)])
        until(lambda: pusher.pushed.delivered == 1)
        assert "HTTP 400: no" in pusher.pushed.error


def test_while_the_server_is_away_the_newest_is_kept_and_the_oldest_is_dropped() -> None:
    now, up = [1000.0], [False]
    with pushing_to(lambda _: TAKEN if up[0] else Answer(503), lambda: now[0], keep="60s") as (pusher, server):
        for _ in range(5):
            pusher.push([("a", {}, now[0])])
            now[0] += 30
        until(lambda: pusher.pushed.expired > 0)
        up[0] = True
        until(lambda: pusher.pushed.waiting == 0 and pusher.pushed.delivered + pusher.pushed.expired == 5)
        assert pusher.pushed.expired in (2, 3)
        delivered = [value for asked in server.asked for value in values(asked).values()]
        assert delivered[-1] == 1120.0


def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "_MOST_BYTES", 2000)
    with pushing_to(Answer(503)) as (pusher, _):
        for number in range(200):
            pusher.push([("a", {"label": "x" * 100}, number)])
        assert pusher.pushed.waiting < 20
        assert sum(len(one.body) for one in pusher._queue) <= 2000
        until(lambda: pusher.pushed.expired >= 180)


def test_nobody_waits_for_a_server_that_hangs() -> None:
    with pushing_to(Answer(204, b"x", drip=0.5, slow="headers"), timeout="300ms") as (pusher, _):
        began = time.monotonic()
        pusher.push([SCORE])
        pusher.push([SCORE])
        until(lambda: "did not answer within 0.3 s; raise remote_write.timeout" in pusher.pushed.error)
        pusher.stop(0.1)
        assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    pusher = Pusher(RemoteWrite.model_validate({"url": "http://me:hunter2@127.0.0.1:1/push"}))
    pusher.start()
    pusher.push([SCORE])
    until(lambda: "connection refused" in pusher.pushed.error)
    assert "hunter2" not in pusher.pushed.error
    assert "remote_write.url" in pusher.pushed.error
    pusher.stop(1)


@pytest.mark.parametrize(
    ("answer", "says"),
    [(TAKEN, ""), (Answer(404, b"no"), "HTTP 404: no; set remote_write.url"), (Answer(503), "HTTP 503")],
)
def test_whether_a_server_takes_results_is_known_beforehand(answer: Answer, says: str) -> None:
    with serve(answer) as server:
        told = why_not_taken(RemoteWrite(url=f"{server.url}/push"))
    assert told.count(says) if says else told == ""
    assert sent(server.asked[0]) == {}


def test_credentials_go_with_it() -> None:
    with pushing_to(
        TAKEN, authorization={"credentials": "secret"}, http_headers={"X-Scope-OrgID": {"values": ["a"]}}
    ) as (pusher, server):
        pusher.push([SCORE])
        until(lambda: pusher.pushed.delivered == 1)
    assert server.asked[0].headers["Authorization"] == "Bearer secret"
    assert server.asked[0].headers["X-Scope-OrgID"] == "a"
