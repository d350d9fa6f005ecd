"""The shop as a process of its own: its newest values on /metrics, its history in a file."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask, Response

from datasource.demo.exposition import CONTENT_TYPE, live_metrics, write_openmetrics
from datasource.demo.live import LiveShop, last_grid_time
from datasource.demo.services import HISTORY_STEPS, STEP_SECONDS
from datasource.demo.serving import BackgroundServer
from datasource.demo.shop import Shop, Step


def metrics_app(live: LiveShop, clock: Callable[[], float] = time.time) -> Flask:
    """GET /metrics gives the newest step finished by the clock (seconds since the epoch), with its timestamp."""
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    @app.get("/metrics")
    def metrics() -> Response:
        live.catch_up(clock())
        newest = live.newest
        return Response(live_metrics(newest, live.timestamp(newest)), content_type=CONTENT_TYPE)

    return app


def write_history(live: LiveShop, steps: Sequence[Step], path: Path) -> None:
    """Write some of the shop's steps as an OpenMetrics file; it appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as out:
        write_openmetrics(out, steps, live.origin)
    partial.replace(path)


def continued(path: Path) -> LiveShop:
    """The shop whose history a file holds, so that its present follows that history without a seam."""
    with path.open() as lines:
        origin = next(int(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#"))
    return LiveShop(Shop(), origin + (HISTORY_STEPS - 1) * STEP_SECONDS)


def serve_shop(listen: str | None, history_path: Path | str | None = None) -> None:
    """Write the shop's history to a file, serve its present, or both.

    `listen` is "host:port", served until SIGINT or SIGTERM, or None to return when the history is
    written. A history file that exists is not written again: the shop goes on from where it ends.
    """
    path = None if history_path is None else Path(history_path)
    if path is not None and path.exists():
        live = continued(path)
    else:
        live = LiveShop(Shop(), last_grid_time(time.time()))
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_history(live, live.history, path)
    live.forget_history()
    if listen is None:
        return
    host, _, port = listen.rpartition(":")
    server = BackgroundServer(metrics_app(live), host.strip("[]") or "127.0.0.1", int(port))
    print(f"the shop's metrics: {server.url}/metrics", flush=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    server.stop()
