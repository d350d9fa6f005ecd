"""`causal-datasource serve` as processes of its own, over two quiet services."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import requests

from datasource.demo.child import ChildProcess
from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer, free_port
from datasource.demo.standin import standin_app

PATIENCE = 120
SETTINGS = """
prometheus: {{url: {url}}}
step: {step}s
baseline: {baseline}s
entities:
  service: {{labels: [service]}}
signals:
  requests: {{entity: service, query: requests, window: 1m, role: load}}
  latency: {{entity: service, query: latency, window: 1m, unit: s, role: latency}}
store: {{directory: {store}}}
"""


@dataclass
class QuietService:
    """`causal-datasource serve` over two quiet services."""

    process: ChildProcess
    url: str
    config: Path

    def metrics(self) -> dict[str, float]:
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    def scores(self) -> int:
        return sum(name.startswith("causal_anomaly_score{") for name in self.metrics())

    def number(self, name: str) -> float:
        return self.metrics()[f"causal_datasource_{name}"]

    def leads(self) -> bool:
        return self.number("leader") == 1

    def children(self) -> dict[str, int]:
        """Process ids of the process that evaluates and of the one that serves."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            evaluates = b"datasource.service.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
            found["evaluates" if evaluates else "serves"] = int(pid)
        return found


@contextmanager
def quiet_settings(folder: Path, step: int = 30, more: str = "") -> Iterator[Path]:
    """Settings for two quiet services with 240 points of the past, and the Prometheus that they name."""
    store, random = SampleStore(), np.random.default_rng(1)
    now = int(time.time()) // step * step
    times = [1000 * (now + step * place) for place in range(-300, 200)]
    for name in ("web", "cart"):
        for metric, level in (("requests", 50.0), ("latency", 0.2)):
            values = level * (1 + 0.05 * random.standard_normal(len(times)))
            store.extend({"__name__": metric, "service": name}, times, values.tolist())
    prometheus = BackgroundServer(standin_app(store))
    file = folder / "causal.yaml"
    text = SETTINGS.format(url=prometheus.url, store=folder / "store", step=step, baseline=240 * step)
    file.write_text(text + more)
    try:
        yield file
    finally:
        prometheus.stop()


@contextmanager
def quiet_service(config: Path, name: str) -> Iterator[QuietService]:
    port = free_port()
    command = [sys.executable, "-m", "datasource.cli", "serve", "--config", str(config)]
    process = ChildProcess([*command, "--listen", f"127.0.0.1:{port}"], config.with_name(f"{name}.log"))
    found = QuietService(process, f"http://127.0.0.1:{port}", config)
    try:
        process.wait_ready(lambda: answers(found), PATIENCE)
        yield found
    finally:
        process.stop()


def answers(service: QuietService) -> bool:
    try:
        return bool(service.metrics())
    except requests.ConnectionError:
        return False
