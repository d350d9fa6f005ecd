"""The demo: a shop, a Prometheus with two days of its history, the datasource, and what it says."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn

import requests

import datasource
from datasource.demo.child import ChildProcess, ProcessFailedError
from datasource.demo.live import LiveShop, last_grid_time
from datasource.demo.processes import (
    PrometheusServer,
    answer_exists,
    answers,
    backfill_blocks,
    find_promtool,
    scrape_config,
    start_prometheus,
    wait_until,
)
from datasource.demo.report import complete, report, rows
from datasource.demo.services import STEP_SECONDS
from datasource.demo.serving import BackgroundServer, free_port
from datasource.demo.shop import Shop
from datasource.demo.shop_server import metrics_app, serve_shop, write_history
from datasource.demo.standin_server import start_standin

__all__ = ["run", "serve_shop"]

ROOT = Path(datasource.__file__).resolve().parents[1]
SETTINGS = Path(__file__).with_name("settings.yaml")
WRITTEN_URL = "http://127.0.0.1:9090"
"""The address of Prometheus in the settings file as it is written."""

FIRST_SCRAPE_SECONDS = 12.0
"""A started Prometheus takes up to 5 s to discover its targets; until then steps that finish are not in it."""

READY_TIMEOUT = 180.0
COMPLETE_TIMEOUT = 180.0


def run(port: int = 8321, prometheus_binary: str | None = None, *, stand_in: bool = False) -> int:
    """Run the demo until Ctrl-C or SIGTERM; gives the exit code.

    `prometheus_binary` is looked for on PATH where it is None; without one, or with `stand_in`, the stand-in answers.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="causal-demo-")))
        demo = _Demo(directory, stack)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            demo.start(port, None if stand_in else prometheus_binary or shutil.which("prometheus"))
            demo.show()
            demo.keep_serving()
        except ProcessFailedError as error:
            _uninterrupted()
            print(f"\nthe demo ends: {error}", file=sys.stderr, flush=True)
            return 1
        except KeyboardInterrupt:
            _uninterrupted()
            print("\nstopping", flush=True)
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _uninterrupted() -> None:
    """Nothing may interrupt the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):
            signal.signal(number, signal.SIG_IGN)


def datasource_command(settings: Path, port: int) -> list[str]:
    """The command that serves the datasource on loopback."""
    serve = [sys.executable, "-m", "datasource.cli", "serve"]
    return [*serve, "--config", str(settings), "--listen", f"127.0.0.1:{port}"]


class _Demo:
    """What is running."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._began = time.monotonic()
        self._children: list[ChildProcess] = []

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {text}", flush=True)

    def start(self, port: int, prometheus: str | None) -> None:
        """Start everything, and wait until the datasource is ready."""
        self._say("simulating two days of a shop: ten services, one step every 30 s")
        self._live = LiveShop(Shop(), last_grid_time(time.time()))
        port = self._own_port(port)
        if prometheus is None or find_promtool(prometheus) is None:
            self._say("no prometheus and promtool on PATH: starting the stand-in, which answers plain selectors")
            standin = start_standin(self._live, free_port(9090))
            self._stack.callback(standin.stop)
            self._prometheus_url = standin.url
        else:
            self._prometheus_url = self._start_prometheus(prometheus, port)
        self._live.forget_history()
        self._url = f"http://127.0.0.1:{port}"
        self._start_datasource(port)

    def _own_port(self, port: int) -> int:
        free = free_port(port)
        if free != port:
            self._say(f"port {port} is taken: the datasource will listen on {free}")
        return free

    def _start_prometheus(self, binary: str, port: int) -> str:
        shop = BackgroundServer(metrics_app(self._live), port=free_port(8322))
        self._stack.callback(shop.stop)
        self._say("writing the history as OpenMetrics text; promtool turns it into Prometheus' blocks")
        directory = self._directory / "prometheus"
        data = directory / "data"
        data.mkdir(parents=True)
        history = self._directory / "history.om"
        write_history(self._live, self._live.history, history)
        backfill_blocks(binary, history, data)
        self._say(f"starting {binary}, which goes on from there by scraping {shop.url}/metrics")
        server = start_prometheus(
            binary,
            directory,
            port=free_port(9090),
            backfill=self._steps_since(),
            rule_files=[rules] if (rules := ROOT / "provisioning/prometheus/rules/causal.yml").exists() else [],
            scrape_configs=[
                scrape_config("shop", f"127.0.0.1:{shop.port}", "2s", honor_timestamps=True, honor_labels=True),
                scrape_config("causal-datasource", f"127.0.0.1:{port}", "15s", honor_labels=True),
            ],
            remote_read=[
                {
                    "url": f"http://127.0.0.1:{port}/api/v1/read",
                    "read_recent": True,
                    "required_matchers": {"door": "causal"},
                }
            ],
        )
        self._adopt(server)
        if STEP_SECONDS - time.time() % STEP_SECONDS < FIRST_SCRAPE_SECONDS:
            self._say("a step is about to finish: waiting for the first scrape")
            wait_until(lambda: answer_exists(server.url, 'up{job="shop"} == 1'), FIRST_SCRAPE_SECONDS)
        return server.url

    def _steps_since(self) -> Path | None:
        """A file of the steps finished since the history ended, for the first scrape sees only the newest."""
        steps = self._live.catch_up(time.time())
        if not steps:
            return None
        path = self._directory / "since.om"
        write_history(self._live, steps, path)
        return path

    def _adopt(self, child: ChildProcess) -> None:
        self._children.append(child)
        self._stack.callback(child.stop)

    def _start_datasource(self, port: int) -> None:
        settings = self._directory / "causal.yaml"
        store = f"\nstore: {{directory: '{self._directory / 'causal-data'}'}}\n"
        settings.write_text(SETTINGS.read_text().replace(WRITTEN_URL, self._prometheus_url) + store)
        self._say(f"starting the datasource: causal-datasource serve --config causal.yaml --listen 127.0.0.1:{port}")
        child = ChildProcess(
            datasource_command(settings, port), self._directory / "datasource.log", name="the datasource"
        )
        self._adopt(child)
        child.wait_ready(lambda: answers(f"{self._url}/readyz"), READY_TIMEOUT)
        self._say("the datasource is ready")

    def _snapshot(self) -> dict[str, Any]:
        """The newest snapshot, once it is complete or time is up."""
        snapshot: dict[str, Any] = {}

        def got_it() -> bool:
            nonlocal snapshot
            with suppress(requests.RequestException, ValueError):
                snapshot = requests.get(f"{self._url}/api/v1/snapshot", timeout=10).json()
            return complete(rows(snapshot))

        wait_until(got_it, COMPLETE_TIMEOUT, interval=0.5)
        self._children[-1].expect_running()
        return snapshot

    def show(self) -> None:
        """Print the running service's answers beside the truth, and where everything is."""
        truth = self._live.shop.truth()
        started = self._live.origin + truth.current.start_step * STEP_SECONDS if truth.current else None
        print(f"\n{report(self._snapshot(), truth, started)}\n\n{self._places()}", flush=True)

    def _places(self) -> str:
        there = (ROOT / "dashboards/prometheus").exists()
        real = any(isinstance(child, PrometheusServer) for child in self._children)
        lines = [
            "Where to look",
            f"  page           {self._url}/",
            f"  metrics        {self._url}/metrics",
            f"  rows           {self._url}/api/v1/snapshot",
            f"  Prometheus     {self._prometheus_url}" + ("" if real else " (the stand-in)"),
            *([f"  alerts         {self._prometheus_url}/alerts"] if real else []),
            "",
            "In Grafana",
            *(
                [f"  without any plugin: add a Prometheus data source with the URL {self._prometheus_url}"]
                if real
                else ["  without any plugin: let a Prometheus scrape /metrics, and add that as a data source"]
            ),
            f"  with the JSON plugin (simpod-json-datasource): add a JSON data source with the URL {self._url}",
            f"  then import {'dashboards/prometheus/ or dashboards/json/' if there else 'the dashboards'}; "
            "provisioning/ has all of it as files",
            "",
            "Serving until Ctrl-C. Something in the shop breaks every 90 minutes.",
        ]
        return "\n".join(lines)

    def keep_serving(self) -> NoReturn:
        """Wait for a signal, or for a child to end.

        Raises:
            ProcessFailedError: a child has ended.
        """
        while True:
            time.sleep(0.5)
            for child in self._children:
                child.expect_running()
