"""The web process: who sends or reads slowly costs a socket, never a thread.

asyncio and h11 take a request in whole before a thread sees it, and give its answer out after the thread is done.
Everything that a client may do is bounded: how long it sends, how much, how many wait, and how long it reads.
"""

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from http.client import responses
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

import h11
from gunicorn.workers.base import Worker as GunicornWorker

from datasource.web.render import MOST_BODY, error_response, secured

log = logging.getLogger(__name__)

_MOST_HEAD = 64 * 1024
_MOST_HELD = 256 * 1024 * 1024
"""Bytes of requests and answers under way, of all connections."""
_MOST_CONNECTIONS = 512
_ACCEPTED_AT_ONCE, _QUEUED = 64, 1024
"""So few between two looks at what came, so that a flood of connections cuts off nobody who has asked already."""
_MOST_WAITING = 128
_THREADS, _LIGHT_THREADS = 32, 2
"""Most of the threads wait for an answer that another one computes."""
_LIGHT = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is asked by machines that draw conclusions from silence has threads of its own."""
_HEAD_SECONDS, _BODY_SECONDS, _READING_SECONDS, _IDLE_SECONDS = 10.0, 30.0, 60.0, 360.0
_CLOSING_SECONDS = 5.0
"""An idle connection outlives what Grafana (90 s) and Prometheus (5 min) keep, or a request would meet its end."""
_CHUNK = 64 * 1024

Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """What goes back to a client."""

    status: int
    headers: Headers
    body: bytes


class _RefusedError(Exception):
    """A request that no thread sees."""

    def __init__(self, status: int, message: str) -> None:
        response = secured(error_response(status, message))
        self.answer = Answer(status, list(response.headers), response.get_data())


class Worker(GunicornWorker):  # type: ignore[misc]
    """A worker of gunicorn, which replaces it when it dies or hangs."""

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        door = Door(self.wsgi, getattr(self.app, "tls", None), self.wsgi.extensions["refused"])
        servers = [await door.listen(listener.sock) for listener in self.sockets]
        while self.alive and os.getppid() == self.ppid:
            self.notify()
            door.refresh()
            await asyncio.sleep(0.5)
        for server in servers:
            server.close()
        await door.finish(self.cfg.graceful_timeout)


class Tls:
    """The certificate of this service; a renewed one is used from the next connection on."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._files = cert_file, key_file
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(cert_file, key_file)
        self._seen = self._stamps()

    def refresh(self) -> None:
        """Load the files again where they have changed. Raises OSError, which keeps the old ones."""
        if (stamps := self._stamps()) != self._seen:
            self._seen = stamps
            self.context.load_cert_chain(*self._files)

    def _stamps(self) -> list[int]:
        return [file.stat().st_mtime_ns for file in self._files]


class Door:
    """Takes requests in and gives answers out, for a WSGI application that its threads run."""

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        tls: Tls | None = None,
        refused: Callable[[int], object] = lambda status: None,
    ) -> None:
        self.refused = refused
        """Told the status of every answer that the application does not see."""
        self._app = app
        self._tls = tls
        self._threads = ThreadPoolExecutor(_THREADS, "web")
        self._light = ThreadPoolExecutor(_LIGHT_THREADS, "health")
        self.waiting = 0
        self._held = 0
        self._waited_for: dict[asyncio.StreamWriter, None] = {}
        """Connections whose client is to send or to read something, the longest waiting first."""
        self._answering: set[asyncio.Task[None]] = set()

    async def listen(self, one: Any) -> asyncio.Server:
        """Serve the connections of a bound socket."""
        context, seconds = (self._tls.context, _HEAD_SECONDS) if self._tls else (None, None)
        server = await asyncio.start_server(
            self._connected, sock=one, backlog=_ACCEPTED_AT_ONCE, ssl=context, ssl_handshake_timeout=seconds
        )
        one.listen(_QUEUED)
        return server

    def refresh(self) -> None:
        """Look after what may have changed on disk."""
        if self._tls is not None:
            try:
                self._tls.refresh()
            except OSError as error:
                log.warning("the renewed certificate cannot be used, the old one stays: %s", error)

    async def finish(self, seconds: float) -> None:
        """Answer what is under way, within so many seconds; nobody else is waited for."""
        if self._answering:
            await asyncio.wait(self._answering, timeout=seconds)
        for pool in (self._threads, self._light):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._waited_for) >= _MOST_CONNECTIONS:
            slowest = next(iter(self._waited_for))
            del self._waited_for[slowest]
            slowest.transport.abort()
        self.wait_for(writer)
        try:
            await _Conversation(self, reader, writer).run()
            writer.close()
            async with asyncio.timeout(_CLOSING_SECONDS):
                await writer.wait_closed()
        except (OSError, TimeoutError, h11.ProtocolError, asyncio.CancelledError):
            pass  # cancelled is who still waits at the end of the service
        finally:
            self._waited_for.pop(writer, None)
            self._answering.discard(_this())
            writer.transport.abort()

    def wait_for(self, writer: asyncio.StreamWriter) -> None:
        """It is the client's turn: whoever takes longest is cut off when there are too many."""
        self._waited_for[writer] = None

    def attend(self, writer: asyncio.StreamWriter) -> None:
        """It is our turn."""
        self._waited_for.pop(writer, None)
        self._answering.add(_this())

    def done(self) -> None:
        """An answer is out."""
        self._answering.discard(_this())

    def hold(self, size: int) -> None:
        """Count bytes under way, or with a negative size those that are gone."""
        self._held += size

    async def answer(self, environ: dict[str, Any]) -> Answer:
        """What the application says. Raises _RefusedError where too many wait for it."""
        light = environ["REQUEST_METHOD"] in ("GET", "HEAD") and environ["PATH_INFO"] in _LIGHT
        if not light and (self.waiting >= _MOST_WAITING or self._held > _MOST_HELD):
            raise _RefusedError(503, "too many requests are under way; try again in a few seconds")
        self.waiting += not light
        try:
            pool = self._light if light else self._threads
            return await asyncio.get_running_loop().run_in_executor(pool, _call, self._app, environ)
        finally:
            self.waiting -= not light


class _Conversation:
    """One connection: requests and answers in turn."""

    def __init__(self, door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door, self._reader, self._writer = door, reader, writer
        self._method = b""
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD)
        self._body = bytearray()

    async def run(self) -> None:
        """Until one of both closes. Raises OSError, TimeoutError, h11.ProtocolError."""
        if not await self._first_bytes(_HEAD_SECONDS):
            return
        while True:
            try:
                request = await self._request()
                if request is None:
                    return
                self._door.attend(self._writer)
                answer = await self._door.answer(self._environ(request))
            except _RefusedError as refused:
                answer = refused.answer
                self._door.refused(answer.status)
            finally:
                self._door.hold(-len(self._body))
                self._body = bytearray()
            await self._send(answer)
            self._door.done()
            if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
                await self._linger()
                return
            self._wire.start_next_cycle()
            if not self._wire.trailing_data[0] and not await self._first_bytes(_IDLE_SECONDS):
                return

    async def _first_bytes(self, seconds: float) -> bool:
        """Wait for the client to say something; whether it does."""
        try:
            async with asyncio.timeout(seconds):
                data = await self._reader.read(_CHUNK)
        except TimeoutError:
            return False
        if data:
            self._wire.receive_data(data)
        return bool(data)

    async def _request(self) -> h11.Request | None:
        """A request, with its body in `_body`; None where the client went away. Raises _RefusedError."""
        self._method = b""
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                request = await self._event()
            if not isinstance(request, h11.Request):
                return None
            self._method = request.method
            named = dict(request.headers)
            if b"content-length" in named and b"transfer-encoding" in named:  # a proxy may have read another end of it
                raise _RefusedError(400, "the request has both Content-Length and Transfer-Encoding; send one of them")
            if int(named.get(b"content-length", b"0")) > MOST_BODY:
                raise _too_long()
            if self._wire.they_are_waiting_for_100_continue:
                self._writer.write(self._wire.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            async with asyncio.timeout(_BODY_SECONDS):
                while not isinstance(event := await self._event(), h11.EndOfMessage):
                    if not isinstance(event, h11.Data):
                        return None
                    self._body += event.data
                    self._door.hold(len(event.data))
                    if len(self._body) > MOST_BODY:
                        raise _too_long()
            return request
        except TimeoutError:
            raise _RefusedError(408, "the request did not come in time; send it at once") from None
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            text = f"its head is longer than {_MOST_HEAD // 1024} KiB" if status == 431 else str(error)
            raise _RefusedError(status, f"this is no request of HTTP/1.1: {text}") from None

    async def _event(self) -> Any:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            self._wire.receive_data(await self._reader.read(_CHUNK))
        return event

    def _environ(self, request: h11.Request) -> dict[str, Any]:
        """A request as WSGI has it. Raises _RefusedError."""
        target = request.target.decode("latin-1")
        if not target.startswith("/"):
            url = urlsplit(target) if target.startswith("http") else None
            if url is None or not url.netloc:
                raise _RefusedError(400, "the address of the request is no path; ask for one, as /healthz")
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        path, _, query = target.partition("?")
        server, client = (self._writer.get_extra_info(name) or ("", 0) for name in ("sockname", "peername"))
        environ = {
            "REQUEST_METHOD": request.method.decode("latin-1"),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": target,
            "SERVER_NAME": str(server[0]),
            "SERVER_PORT": str(server[1]),
            "SERVER_PROTOCOL": f"HTTP/{request.http_version.decode('latin-1')}",
            "REMOTE_ADDR": str(client[0]),
            "CONTENT_LENGTH": str(len(self._body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if self._writer.get_extra_info("ssl_object") else "http",
            "wsgi.input": BytesIO(self._body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers:
            key = name.decode("latin-1").upper()
            if "_" in key or key in ("CONTENT-LENGTH", "TRANSFER-ENCODING"):
                continue
            key = key.replace("-", "_")
            key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]},{text}" if key in environ else text
        return environ

    async def _send(self, answer: Answer) -> None:
        """All of an answer, to a client that reads it in time. Raises TimeoutError."""
        known = {name.lower() for name, _ in answer.headers}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if "content-length" not in known:
            headers.append((b"Content-Length", str(len(answer.body)).encode()))
        if "date" not in known:
            headers.append((b"Date", formatdate(usegmt=True).encode()))
        if self._wire.their_state is not h11.DONE:
            headers.append((b"Connection", b"close"))
        body = b"" if self._method == b"HEAD" or answer.status in (204, 304) else answer.body
        reason = responses.get(answer.status, "").encode()
        parts = [
            self._wire.send(h11.Response(status_code=answer.status, reason=reason, headers=headers)) or b"",
            (body and self._wire.send(h11.Data(data=body))) or b"",
            self._wire.send(h11.EndOfMessage()) or b"",
        ]
        self._door.wait_for(self._writer)
        self._door.hold(len(body))
        try:
            self._writer.writelines(parts)
            async with asyncio.timeout(_READING_SECONDS):
                await self._writer.drain()
        finally:
            self._door.hold(-len(body))

    async def _linger(self) -> None:
        """Read for a moment what a refused client still sends, or it would see a reset in place of its answer."""
        if not self._writer.can_write_eof():
            return
        self._writer.write_eof()
        try:
            async with asyncio.timeout(1.0):
                for _ in range(64):
                    if not await self._reader.read(_CHUNK):
                        break
        except TimeoutError:
            pass


def _call(app: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Answer:
    """Run a WSGI application in this thread."""
    begun: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, _error: Any = None) -> Callable[[bytes], None]:
        begun[:] = [(int(status.partition(" ")[0]), headers)]
        return lambda _: None

    parts = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    return Answer(*begun[0], body)


def _this() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _too_long() -> _RefusedError:
    return _RefusedError(413, f"the request is longer than {MOST_BODY // 1024 // 1024} MiB; ask for less at once")
