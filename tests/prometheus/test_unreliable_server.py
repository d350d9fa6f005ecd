"""A real HTTP server that is slow, flaky or full of nonsense: retries where they help, and an end to waiting."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from datasource.prometheus import PrometheusClient, PrometheusError

GOOD = (
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[0,"1"],[30,"2"]]}]}}'
)


class Flaky(ThreadingHTTPServer):
    """Plays one answer of a script per request: a status, or "hang", or "drop"."""

    daemon_threads = True
    script: list[int | str]
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Flaky

    def do_GET(self) -> None:
        self.server.asked += 1
        todo = self.server.script.pop(0) if self.server.script else 200
        if todo == "hang":
            time.sleep(20)
            return
        if todo == "drop":
            self.connection.close()
            return
        body = GOOD if todo == 200 else b"no"
        self.send_response(int(todo))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Flaky]:
    one = Flaky(("127.0.0.1", 0), Handler)
    one.script = []
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


def read(server: Flaky, retries: int = 2, timeout: float = 5.0) -> int:
    client = PrometheusClient(f"http://127.0.0.1:{server.server_port}", timeout, retries)
    return sum(series.values.size for window in client.query_range("up", 0, 30, 30) for series in window)


@pytest.mark.parametrize("trouble", [502, 503, 504])
def test_a_passing_trouble_is_tried_again(server: Flaky, trouble: int) -> None:
    server.script = [trouble, trouble]
    assert read(server) == 2
    assert server.asked == 3


def test_a_lasting_trouble_is_an_error_after_the_retries(server: Flaky) -> None:
    server.script = [503] * 10
    with pytest.raises(PrometheusError, match="HTTP 503") as error:
        read(server)
    assert error.value.kind == "unavailable"
    assert server.asked == 3


def test_a_wrong_question_is_not_asked_again(server: Flaky) -> None:
    server.script = [404] * 10
    with pytest.raises(PrometheusError, match="path prefix"):
        read(server)
    assert server.asked == 1


def test_waiting_ends_with_the_timeout_and_is_not_repeated(server: Flaky) -> None:
    server.script = ["hang"] * 10
    began = time.monotonic()
    with pytest.raises(PrometheusError, match=r"did not answer within 0\.5 s"):
        read(server, timeout=0.5)
    assert time.monotonic() - began < 10
    assert server.asked == 1


def test_a_connection_that_breaks_is_an_error_in_words(server: Flaky) -> None:
    server.script = ["drop"] * 10
    with pytest.raises(PrometheusError, match=r"closed the connection|reset the connection|cannot be reached"):
        read(server)
