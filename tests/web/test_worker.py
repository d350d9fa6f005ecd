"""The web process over real sockets: who is slow costs a socket, never a thread."""

import asyncio
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from werkzeug.wrappers import Request, Response
from worlds import World

from datasource.demo.child import wait_until
from datasource.web import worker
from datasource.web.app import create_app
from datasource.web.worker import Door, Tls

Reply = tuple[int, bytes, dict[str, str]]


@Request.application
def echo(request: Request) -> Response:
    """Says what came: the method, the path, a header, how many bytes."""
    told = f"{request.method} {request.full_path} {request.headers.get('X-Test', '')} {len(request.get_data())}"
    return Response(told)


class Gate:
    """An application whose answers, but for the health check, wait until somebody opens it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = threading.Semaphore(0)

    @property
    def app(self) -> Any:
        @Request.application
        def answer(request: Request) -> Response:
            if request.path != "/healthz":
                self.inside.release()
                self.open.wait(30)
            return Response("ok")

        return answer


@contextmanager
def serving(
    app: Any, tls: Tls | None = None, refused: Callable[[int], object] = lambda status: None
) -> Iterator[tuple[int, Door]]:
    """A door on a free port of loopback: the port and the door."""
    listener = socket.create_server(("127.0.0.1", 0))
    ready, doors = threading.Event(), []
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        door, end = Door(app, tls, refused), asyncio.Event()
        server = await door.listen(listener)
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(end.set))
        doors.append(door)
        ready.set()
        await end.wait()
        server.close()
        await door.finish(1.0)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield listener.getsockname()[1], doors[0]
    finally:
        stop[0]()
        thread.join(10)
        assert not thread.is_alive()


def ask(port: int, method: str = "GET", path: str = "/", body: Any = None, **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def send(port: int, data: bytes) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.sendall(data)
    return one


def all_of(one: socket.socket) -> bytes:
    """What comes until the other side closes."""
    return b"".join(iter(lambda: one.recv(65536), b""))


HALF = [
    b"",
    b"GET /heal",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-More: ",
    b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    b"POST /query HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{",
]


def test_requests_arrive_as_they_were_sent() -> None:
    with serving(echo) as (port, _):
        assert ask(port, path="/a%2Fb?c=d")[1] == b"GET /a/b?c=d  0"
        assert ask(port, "POST", "/x", b"12345", **{"X-Test": "y"})[1] == b"POST /x? y 5"
        assert ask(port, "POST", "/x", iter([b"123", b"45"]))[1] == b"POST /x?  5", "in chunks"
        status, body, headers = ask(port, "HEAD", "/x")
        assert (status, body, headers["Content-Length"]) == (200, b"", "11")


def test_a_connection_serves_several_requests_also_those_sent_at_once() -> None:
    with serving(echo) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for number in range(3):
            connection.request("GET", f"/{number}")
            assert connection.getresponse().read() == f"GET /{number}?  0".encode()
        connection.close()
        twice = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with send(port, twice) as one:
            said = all_of(one)
        assert (b"GET /1?" in said, b"GET /2?" in said) == (True, True)


def test_a_header_with_an_underscore_cannot_pass_for_another() -> None:
    with serving(echo) as (port, _):
        assert ask(port, **{"X_Test": "forged"})[1] == b"GET /?  0"


def test_half_a_request_costs_no_thread_and_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_HEAD_SECONDS", 0.3)
    monkeypatch.setattr(worker, "_BODY_SECONDS", 0.3)
    with serving(echo) as (port, _), ExitStack() as stack:
        halves = [stack.enter_context(send(port, half)) for half in HALF * 10]
        assert ask(port, path="/healthz")[0] == 200
        said = [all_of(half) for half in halves]
    assert [one[:12] for one in said] == [b"", *[b"HTTP/1.1 408"] * 4] * 10


def test_whoever_waits_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MOST_CONNECTIONS", 20)
    with serving(echo) as (port, _), ExitStack() as stack:
        halves = [stack.enter_context(send(port, HALF[1])) for _ in range(50)]
        assert ask(port, path="/healthz")[0] == 200
        assert _cut_off(halves[0])
        halves[-1].sendall(b"thz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in all_of(halves[-1])


def _cut_off(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


def test_a_client_that_does_not_read_holds_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_READING_SECONDS", 0.3)
    monkeypatch.setattr(worker, "_CLOSING_SECONDS", 0.3)
    large = Request.application(lambda _: Response(bytes(20_000_000)))
    with serving(large) as (port, _), ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(send(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        # Until they are given up, their answers take the room that there is for answers.
        until = time.monotonic() + 30
        while len(ask(port)[1]) != 20_000_000:
            assert time.monotonic() < until


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET ftp://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_in_words(sent: bytes, status: int) -> None:
    with serving(echo) as (port, _):
        with send(port, sent) as one:
            head, _, body = all_of(one).partition(b"\r\n\r\n")
        assert ask(port, path="/healthz")[0] == 200
    assert head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"nosniff" in head
    assert b'"message":"' in body


def test_a_body_in_chunks_is_cut_off_where_it_is_too_long() -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(80):
            yield bytes(64 * 1024)

    with serving(echo) as (port, _):
        with suppress(ConnectionError):  # where it was still sending
            assert ask(port, "POST", "/query", endless())[0] == 413
        assert ask(port, path="/healthz")[0] == 200


def test_a_client_that_waits_for_100_continue_gets_it() -> None:
    with serving(echo) as (port, _):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        with send(port, head) as one:
            assert one.recv(65536).startswith(b"HTTP/1.1 100")
            one.sendall(b"{}")
            assert all_of(one).endswith(b"POST /?  2")


def test_over_capacity_there_is_a_503_and_health_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MOST_WAITING", 12)
    gate = Gate()
    with serving(gate.app) as (port, door), ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(ask, port, path="/query") for _ in range(40)]
        for _ in range(8):
            assert gate.inside.acquire(timeout=10)
        refused = [one.result(20) for one in _first_done(waiting, 28)]
        assert {status for status, *_ in refused} == {503}
        assert {headers["Retry-After"] for *_, headers in refused} == {"5"}
        assert ask(port, path="/healthz")[0] == 200
        gate.open.set()
        assert sorted(one.result(20)[0] for one in waiting) == [200] * 12 + [503] * 28
        assert ask(port, path="/query")[0] == 200
        assert door.waiting == 0


def _first_done(futures: list[Any], count: int) -> list[Any]:
    done = as_completed(futures, timeout=20)
    return [next(done) for _ in range(count)]


def test_who_is_refused_is_counted_with_the_others(world: World) -> None:
    app = create_app(world.clock)
    with serving(app, refused=app.extensions["refused"]) as (port, _):
        assert ask(port, "POST", "/query", b" " * 5_000_000)[0] == 413
        text = ask(port, path="/metrics")[1].decode()
    assert 'causal_datasource_http_requests_total{code="413",endpoint="none"} 1.0' in text


def test_what_is_under_way_is_answered_before_the_end() -> None:
    gate = Gate()
    with ThreadPoolExecutor(1) as pool:
        with serving(gate.app) as (port, _):
            asked = pool.submit(ask, port, path="/query")
            assert gate.inside.acquire(timeout=10)
            threading.Timer(0.1, gate.open.set).start()
        assert asked.result(10)[0] == 200


def test_who_is_connected_at_the_end_leaves_no_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with serving(echo) as (port, door):
        idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(3)]
        idle[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle[0].recv(1000)
        idle[1].sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        assert wait_until(lambda: len(door._waited_for) == 3, 10)
    for one in idle:
        one.close()
    assert caplog.text == ""


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def issue(name: str) -> None:
        issued = authority.issue_cert(name)
        issued.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))

    def names_served(port: int) -> set[str]:
        context = ssl.create_default_context()
        context.check_hostname = False
        authority.configure_trust(context)
        with context.wrap_socket(send(port, b"")) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"GET /?" in all_of(one)
            return {value for _, value in (one.getpeercert() or {})["subjectAltName"]}

    issue("one.example")
    with serving(echo, Tls(certificate, key)) as (port, door):
        assert names_served(port) == {"one.example"}
        issue("other.example")
        door.refresh()
        assert names_served(port) == {"other.example"}
        key.write_text("not a key")
        door.refresh()
        assert names_served(port) == {"other.example"}
        with send(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as plain:
            assert _cut_off(plain)


def test_an_answer_has_one_date_whoever_sets_it() -> None:
    @Request.application
    def dated(request: Request) -> Response:
        answer = Response("ok")
        answer.add_etag()
        return answer.make_conditional(request)

    for app in (dated, echo):
        with serving(app) as (port, _), send(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as one:
            assert all_of(one).lower().count(b"\r\ndate:") == 1
