"""HTTP servers on loopback that a test can look into: what was asked, with which headers."""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

MATRIX = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[0, "1"], [30, "2"]]}]}


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    params: dict[str, list[str]]
    headers: dict[str, str]
    form: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Answer:
    """What to send; `drip` seconds lie between any two bytes of the `slow` part (headers or body)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0
    slow: str = "body"


def success(data: Any = MATRIX, **more: Any) -> Answer:
    """An answer as Prometheus gives it."""
    return Answer(200, orjson.dumps({"status": "success", "data": data, **more}), {"Content-Type": "application/json"})


Answering = Callable[[Asked], Answer]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.server.keep is not None:
            self.server.keep.append(body)
        form = parse_qs(body.decode(errors="replace")) if length else {}
        asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers.items()), form, body)
        self.server.asked.append(asked)
        answer = self.server.answer(asked)
        head = [f"HTTP/1.1 {answer.status} x", *(f"{name}: {value}" for name, value in answer.headers.items())]
        head.append(f"Content-Length: {len(answer.body)}")
        text = "\r\n".join([*head, "", ""]).encode()
        if not answer.drip:
            self.wfile.write(text + answer.body)
            return
        self._send(text, answer.drip if answer.slow == "headers" else 0)
        self._send(answer.body, answer.drip if answer.slow == "body" else 0)

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        """A forward proxy that lets nobody through."""
        self.server.asked.append(Asked("CONNECT", self.path, {}, dict(self.headers.items())))
        self.send_response(407)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
            return
        for place in range(len(data)):
            self.wfile.write(data[place : place + 1])
            self.wfile.flush()
            time.sleep(drip)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answering
    asked: list[Asked]
    keep: list[bytes] | None = None
    scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serve(
    answer: Answering | Answer, context: ssl.SSLContext | None = None, keep: list[bytes] | None = None
) -> Iterator[Server]:
    """A server that gives this answer, or asks this function for one; bodies that it is sent are put into `keep`."""
    one = Server(("127.0.0.1", 0), Handler)
    one.asked, one.keep = [], keep
    one.answer = answer if callable(answer) else lambda _: answer
    if context is not None:
        one.scheme = "https"
        one.socket = context.wrap_socket(one.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.shutdown()
        one.server_close()
        thread.join(5)


@contextmanager
def forward_proxy(password: str = "") -> Iterator[Server]:
    """A forward proxy for http:// URLs; with a password it wants that one."""

    def answer(asked: Asked) -> Answer:
        if password and asked.headers.get("Proxy-Authorization") != password:
            return Answer(407, b"no")
        host = asked.headers["Host"]
        connection = http.client.HTTPConnection(host, timeout=5)
        query = "&".join(f"{key}={value}" for key, values in asked.params.items() for value in values)
        connection.request("GET", f"{asked.path}?{query}")
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return Answer(reply.status, body, {"Content-Type": reply.headers["Content-Type"]})

    with serve(answer) as server:
        yield server
