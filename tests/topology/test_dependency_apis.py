"""Jaeger and Zipkin over HTTP: their documented answers, and everything else that may come back."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from asking import pairs, service, settings

from datasource.topology import Topology, TopologyReader

LINKS = [
    {"parent": "web", "child": "cart", "callCount": 6000},
    {"parent": "cart", "child": "web", "callCount": 600},
    {"parent": "web", "child": "legacy-mainframe", "callCount": 1},
]
ANSWERS = {
    "jaeger": {"data": LINKS, "total": 0, "limit": 0, "offset": 0, "errors": None},
    "zipkin": [{**link, "errorCount": 3} for link in LINKS],
}
PATHS = {"jaeger": "/tracing/api/dependencies", "zipkin": "/tracing/api/v2/dependencies"}


class Backend:
    """A tracing backend that gives one answer, and remembers what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.delay = 200, b"{}", 0.0
        self.asked: list[str] = []
        self.authorization = ""
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                backend.asked.append(self.path)
                backend.authorization = self.headers.get("Authorization", "")
                sleep(backend.delay)
                self.send_response(backend.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(backend.body)))
                self.end_headers()
                self.wfile.write(backend.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tracing/"
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def backend() -> Iterator[Backend]:
    one = Backend()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture(params=["jaeger", "zipkin"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def read(backend: Backend, kind: str) -> Callable[..., Topology]:
    def once(more: str = "") -> Topology:
        text = settings(f"calls: {{source: {kind}, url: '{backend.url}'{more}}}")
        entities = [service("web"), service("cart"), service("mail")]
        return TopologyReader(text).read(object(), entities, 0, 6000)  # type: ignore[arg-type]

    return once


def test_who_called_whom_how_often(backend: Backend, kind: str, read: Callable[..., Topology]) -> None:
    backend.body = orjson.dumps(ANSWERS[kind])
    found = read()
    assert pairs(found) == ["shop/web -> shop/cart", "shop/cart -> shop/web"]
    assert [(tie.rate, tie.waits, tie.last_seen, tie.sources) for tie in found.ties] == [
        (1.0, True, 6000, (kind,)),
        (0.1, True, 6000, (kind,)),
    ]
    assert found.notices == (f"relation 'calls', {kind}: 'legacy-mainframe' is no measured service; left out",)
    asked = urlsplit(backend.asked[0])
    assert asked.path == PATHS[kind]
    assert parse_qs(asked.query) == {"endTs": ["6000000"], "lookback": ["6000000"]}


def test_names_and_messages_are_what_the_settings_say(
    backend: Backend, kind: str, read: Callable[..., Topology]
) -> None:
    links = [{"parent": "web.shop", "child": "mail.shop:8080", "callCount": 600}]
    backend.body = orjson.dumps({"data": links} if kind == "jaeger" else links)
    found = read(r", names: [{match: '(.+)\.(\w+)(:\d+)?', replace: '$2/$1'}], asynchronous: [web -> mail]")
    assert pairs(found) == ["shop/web -> shop/mail"]
    assert not found.ties[0].waits


def test_it_may_want_credentials(backend: Backend, kind: str, read: Callable[..., Topology]) -> None:
    backend.body = orjson.dumps(ANSWERS[kind])
    read(", authorization: {credentials: s3cret}")
    assert backend.authorization == "Bearer s3cret"
    backend.status = 401
    (notice,) = read(", authorization: {credentials: s3cret}").notices
    assert "check relations.calls.authorization" in notice
    assert "s3cret" not in notice


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, b"404 page not found", "HTTP 404"),
        (404, b'{"data": null}', "HTTP 404"),
        (500, b'{"data": null, "errors": [{"code": 500, "msg": "storage"}]}', "HTTP 500"),
        (200, b"<html>", "not with JSON"),
        (200, b"", "not with JSON"),
        (200, b'{"spans": []}', "which is not Jaeger's; check url|is not Zipkin's list; check url"),
        (200, b'"web"', "which is not Jaeger's; check url|is not Zipkin's list; check url"),
        (200, b'{"data": [], "errors": null}', "knows no dependencies|is not Zipkin's list"),
        (200, b"[]", "knows no dependencies|which is not Jaeger's"),
        (200, b'{"data": [{"parent": "web"}]}', "no list of parent, child and callCount|is not Zipkin's list"),
        (200, b'[{"parent": "web", "child": "cart"}]', "no list of parent, child and callCount|not Jaeger's"),
        (200, b'{"data": [7]}', "no list of parent, child and callCount|is not Zipkin's list"),
        (200, b'{"data": null, "errors": [{"code": 500, "msg": "no index"}]}', "no index|is not Zipkin's list"),
    ],
)
def test_what_is_no_answer_is_a_notice(
    backend: Backend, kind: str, read: Callable[..., Topology], status: int, body: bytes, says: str
) -> None:
    backend.status, backend.body = status, body
    found = read()
    assert not found.ties
    (notice,) = found.notices
    assert notice.startswith(f"relation 'calls', {kind}: cannot be read: http://127.0.0.1:")
    assert any(part in notice for part in says.split("|")), notice


def test_a_slow_one_does_not_hold_up_the_clock(backend: Backend, read: Callable[..., Topology]) -> None:
    backend.delay = 2.0
    (notice,) = read(", timeout: 1s").notices
    assert "within 1 s" in notice


def test_nobody_listens(backend: Backend, read: Callable[..., Topology]) -> None:
    backend.server.shutdown()
    backend.server.server_close()
    (notice,) = read().notices
    assert "connection refused" in notice
    assert "relations.calls.url" in notice
