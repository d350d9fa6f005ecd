"""`causal-datasource serve` as a test starts it: all its processes, over a small Prometheus that can be broken."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray

from datasource.demo.child import ChildProcess, wait_until
from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer, free_port
from datasource.demo.standin import standin_app

PATIENCE = 60
SETTINGS = """
prometheus: {{url: {url}}}
step: 30s
baseline: 2h
entities:
  service: {{labels: [service]}}
signals:
  requests: {{entity: service, query: requests, window: 1m, role: load}}
  latency: {{entity: service, query: latency, window: 1m, unit: s, role: latency}}
store: {{directory: {store}}}
"""


FAST = """
prometheus: {{url: {url}, timeout: 2s, latency_offset: 6s}}
step: 1s
baseline: 2m
evaluation: {{warm_up: 60}}
entities:
  service: {{labels: [service]}}
signals:
  requests: {{entity: service, query: requests, window: 1s, role: load}}
  latency: {{entity: service, query: latency, window: 1s, unit: s, role: latency}}
store: {{directory: {store}}}
"""
"""The same with a point every second, for what should not take a minute to try."""


@dataclass
class Service:
    """`causal-datasource serve` over two quiet services."""

    process: ChildProcess
    url: str
    config: Path

    def metrics(self) -> dict[str, float]:
        """Every sample on /metrics, by its name with labels."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def scores(self) -> int:
        """How many anomaly scores are exposed."""
        return sum(name.startswith("causal_anomaly_score{") for name in self.metrics())

    def number(self, name: str) -> float:
        """One of the service's own metrics."""
        return self.metrics()[f"causal_datasource_{name}"]

    def leads(self) -> bool:
        """Whether it exposes results."""
        return self.number("leader") == 1

    def shown(self) -> dict[str, Any]:
        """What /api/v1/snapshot says."""
        found: dict[str, Any] = requests.get(f"{self.url}/api/v1/snapshot", timeout=10).json()
        return found

    def error(self) -> str:
        """Why the last evaluation failed; empty where it did not."""
        return str(self.shown()["health"]["error"])

    def said(self) -> str:
        """Every notice, as the page lists them, in one text."""
        return "\n".join(map(str, self.shown()["notices"]))

    def children(self) -> dict[str, int]:
        """Process ids of the process that evaluates and of the one that serves."""
        return child_processes(self.process.pid)

    def answers(self) -> bool:
        """Whether anybody answers."""
        try:
            return bool(self.metrics())
        except requests.ConnectionError:
            return False

    def wait(self, until: Callable[[], object]) -> None:
        """Wait for something; the end of the log says why it did not come."""
        assert wait_until(lambda: bool(until()), PATIENCE), self.process.log_tail()


def child_processes(service: int) -> dict[str, int]:
    """Of a service's process id, those of the process that evaluates and of the one that serves."""
    found = {}
    for pid in children(service):
        found["evaluates" if b"datasource.service.process" in command_line(pid) else "serves"] = pid
    return found


def children(pid: int) -> list[int]:
    """The process ids of whom the threads of a process have started."""
    try:
        of_threads = [thread.read_text() for thread in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(one) for text in of_threads for one in text.split()]


def command_line(pid: int) -> bytes:
    """How a process was started; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill(pid: int) -> None:
    """End a process as it would end for want of memory."""
    os.kill(pid, signal.SIGKILL)


@contextmanager
def serving(
    config: Path, name: str, *, before: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Iterator[Service]:
    """The service under a settings file, its log in a file called `name`; `before` stands before the command."""
    port = free_port()
    command = [*before, sys.executable, "-m", "datasource.cli", "serve", "--config", str(config)]
    process = ChildProcess([*command, "--listen", f"127.0.0.1:{port}"], config.with_name(f"{name}.log"), env=env)
    found = Service(process, f"http://127.0.0.1:{port}", config)
    try:
        process.wait_ready(found.answers, PATIENCE)
        yield found
    finally:
        process.stop()


class TwoServices:
    """A Prometheus with the samples of two quiet services, one every second up to now, of which one may get slow."""

    def __init__(self, step: int = 1, past: int = 300) -> None:
        self._store, self._random, self._lock = SampleStore(), np.random.default_rng(1), threading.Lock()
        self._step, self._next = step, int(time.time()) // step * step - past * step
        self.slower = 1.0
        """How many times as long as usual cart takes from now on."""
        self.server = BackgroundServer(standin_app(self._store, self._go_on))

    def _go_on(self) -> None:
        with self._lock:
            times = np.arange(self._next, int(time.time()) + 1, self._step)
            self._next += self._step * times.size
            if times.size:
                self._extend(times)

    def _extend(self, times: NDArray[np.int64]) -> None:
        for name in ("web", "cart"):
            for metric, level in (("requests", 50.0), ("latency", 0.2)):
                values = level * (1 + 0.05 * self._random.standard_normal(times.size))
                values *= self.slower if (name, metric) == ("cart", "latency") else 1.0
                self._store.extend({"__name__": metric, "service": name}, (1000 * times).tolist(), values.tolist())

    def stop(self) -> None:
        self.server.stop()
