"""A target that is scraped and then gone: its series end at once, by the server's stale marker."""

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from real import KINDS, running

from datasource.demo.processes import answer_exists, scrape_config, wait_until
from datasource.prometheus import History, Reader
from datasource.settings import parse_settings

TEXT = """
prometheus: {{url: '{url}', latency_offset: 1s}}
step: 1s
baseline: 2m
entities: {{service: {{labels: [service]}}}}
signals: {{level: {{entity: service, query: level, window: 1s}}}}
"""


class Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'level{service="web"} 1\n'
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def target() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.server_close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_vanished_target_leaves_no_level_behind(
    kind: str, tmp_path: Path, server_binary: Callable[[str], str], target: ThreadingHTTPServer
) -> None:
    scrape = scrape_config("web", f"127.0.0.1:{target.server_port}", "1s")
    with running(kind, tmp_path, server_binary, scrape=scrape) as url:
        wait_until(lambda: answer_exists(url, "level"), timeout=30)
        history = History(Reader(parse_settings(TEXT.format(url=url))))
        time.sleep(4)
        seen = history.update(time.time())
        target.shutdown()
        target.server_close()
        wait_until(lambda: not answer_exists(url, "level"), timeout=30)
        time.sleep(4)
        row = history.update(time.time()).values[0]
    assert np.isfinite(seen.values[0]).any()
    assert np.isnan(row[-2:]).all()
    last = int(np.flatnonzero(np.isfinite(row))[-1])
    assert np.isfinite(row).sum() >= 2
    assert row.size - last < 60  # within seconds, not after five minutes
