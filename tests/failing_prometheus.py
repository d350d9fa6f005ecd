"""Stands before a Prometheus and fails in every way it is told to."""

import http.client
import os
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OTHERS = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"service":"x"},"values":[[%d,"1"]]}]}}'
)


class Front(ThreadingHTTPServer):
    """Passes everything on to a Prometheus, unless it is told to fail."""

    daemon_threads = True
    fault = ""
    asked = 0

    def __init__(self, port: int, behind: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.behind = behind
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Whoever hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        self.server.asked += 1
        fault = self.server.fault
        if not fault:
            self._pass_on()
        elif fault == "slow":
            self._drip()
        elif fault in ("reset", "truncated"):
            self._break_off(reset=fault == "reset")
        elif fault == "html":
            self._answer(200, b"<html><body>Please log in</body></html>", "text/html")
        elif fault == "circle":
            self._answer(302, b"", "text/plain", Location=self.path)
        elif fault == "patience":
            self._answer(429, b"too many", "text/plain", **{"Retry-After": "3"})
        elif fault == "others":
            self._answer(200, OTHERS % (time.time() - 6), "application/json")
        else:
            self._answer(500, b"oops", "text/plain")

    do_POST = do_GET

    def _pass_on(self) -> None:
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=5)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = {"Content-Type": self.headers["Content-Type"]} if self.headers["Content-Type"] else {}
        behind.request(self.command, self.path, body, kind)
        reply = behind.getresponse()
        self._answer(reply.status, reply.read(), reply.headers["Content-Type"])
        behind.close()

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """A byte now and then: no single wait is long."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while self.server.fault == "slow":
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.2)

    def _break_off(self, *, reset: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"service":"web"},')
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass
