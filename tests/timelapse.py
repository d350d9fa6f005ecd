"""The shop, the datasource, Prometheus and Alertmanager in time lapse: the shipped alerts, every duration a fifteenth.

A step takes two seconds in place of thirty; rules, waits and groups go as much faster, so that half an hour of an
on-call engineer passes in two minutes, and what reaches the webhook is what would have reached a phone.
"""

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
import yaml
from flask import Flask, Response, request

from datasource import demo
from datasource.demo.child import ChildProcess, wait_until
from datasource.demo.exposition import CONTENT_TYPE, live_metrics, write_openmetrics
from datasource.demo.processes import answer_exists, answers, scrape_config, start_prometheus
from datasource.demo.run import WRITTEN_URL, datasource_command
from datasource.demo.services import STEP_SECONDS
from datasource.demo.serving import BackgroundServer, free_port
from datasource.demo.shop import Shop, Step

ROOT = Path(__file__).parents[1]
STEP = 2
FASTER = STEP_SECONDS // STEP
FIRST, HISTORY = 1400, 700
"""Steps of the shop before the history, and of the history: the small hours, so that mornings after are nothing new."""
TIMEOUT = 120
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WAITS = ("interval", "for", "keep_firing_for", "group_wait", "group_interval", "repeat_interval")

Json = dict[str, Any]


def faster(value: Any) -> Any:
    """Rules or routes with every duration divided, also those within expressions."""
    if isinstance(value, dict):
        return {
            key: _shortened(one) if key in _WAITS else _shortened_within(one) if key == "expr" else faster(one)
            for key, one in value.items()
        }
    return [faster(one) for one in value] if isinstance(value, list) else value


def _shortened(duration: str) -> str:
    return f"{int(duration[:-1]) * _UNITS[duration[-1]] * 1000 // FASTER}ms"


def _shortened_within(expr: str) -> str:
    return re.sub(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]", lambda found: _shortened(found[0]), expr)


class LiveShop:
    """A shop that makes a step every two seconds, from a history on; nothing happens to it but what is injected."""

    def __init__(self, history: int) -> None:
        self.shop = Shop(faults=())
        self.shop.history(FIRST)
        self.past = self.shop.history(history)
        self.newest = self.past[-1]
        self.end = int(time.time() // STEP) * STEP
        self._lock = threading.Lock()

    def write_history(self, path: Path) -> None:
        """As OpenMetrics text."""
        numbered = [Step(number, step.values) for number, step in enumerate(self.past)]
        with path.open("w") as out:
            write_openmetrics(out, numbered, self.end - (len(self.past) - 1) * STEP, STEP)

    def app(self) -> Flask:
        """GET /metrics gives the newest step, with its timestamp."""
        app = Flask(__name__)

        @app.get("/metrics")
        def metrics() -> Response:
            with self._lock:
                while self.end + STEP <= time.time():
                    self.newest, self.end = self.shop.step(), self.end + STEP
                return Response(live_metrics(self.newest, self.end), content_type=CONTENT_TYPE)

        return app

    def inject(self, service: str, kind: Any, size: float, steps: int = 10_000) -> None:
        """Have something happen from the next step on (see `Fault`)."""
        with self._lock:
            self.shop.inject(service, kind, size, steps)

    def recover(self) -> None:
        """Have all that happens end."""
        with self._lock:
            self.shop.recover()


class Notified(NamedTuple):
    """One alert in a notification that reached a receiver; `about` is its root cause, or who suffers without one."""

    receiver: str
    status: str
    alert: str
    about: str


class Webhook:
    """Everything that Alertmanager sends, and the annotations that came last for each."""

    def __init__(self) -> None:
        self.received: list[Notified] = []
        self.annotations: dict[Notified, Mapping[str, str]] = {}

    def app(self) -> Flask:
        app = Flask(__name__)

        @app.post("/<receiver>")
        def receive(receiver: str) -> str:
            sent = request.get_json()
            for alert in sent["alerts"]:
                labels = alert["labels"]
                about = labels.get("root_cause") or "/".join(labels.get(key, "") for key in ("namespace", "service"))
                one = Notified(receiver, alert["status"], labels["alertname"], about.strip("/"))
                self.annotations[one] = alert["annotations"]
                self.received.append(one)
            return ""

        return app


class Lapse:
    """What is running, and what can be done to it."""

    def __init__(
        self,
        directory: Path,
        binary: Callable[[str], str],
        stack: ExitStack,
        steps: int,
        replicas: int = 1,
        store: Mapping[str, str] | None = None,
    ) -> None:
        self._directory, self._stack = directory, stack
        self._store = store or {"directory": str(directory / "causal-data")}
        self.shop, self.webhook = LiveShop(steps), Webhook()
        self.ports = [free_port() for _ in range(replicas)]
        history = directory / "history.om"
        self.shop.write_history(history)
        shop, webhook = BackgroundServer(self.shop.app()), BackgroundServer(self.webhook.app())
        stack.callback(shop.stop)
        stack.callback(webhook.stop)
        alertmanager = self._start_alertmanager(binary("prometheus-alertmanager"), webhook.url)
        rules = directory / "rules.yml"
        shipped = yaml.safe_load((ROOT / "provisioning/prometheus/rules/causal.yml").read_text())
        rules.write_text(yaml.safe_dump(faster(shipped)))
        prometheus = start_prometheus(
            binary("prometheus"),
            directory / "prometheus",
            backfill=history,
            rule_files=[rules],
            alertmanager_port=alertmanager,
            evaluation_interval="500ms",
            scrape_configs=[
                scrape_config("shop", f"127.0.0.1:{shop.port}", "500ms", honor_timestamps=True, honor_labels=True),
                scrape_config(
                    "causal-datasource", [f"127.0.0.1:{port}" for port in self.ports], "1s", honor_labels=True
                ),
            ],
        )
        stack.callback(prometheus.stop)
        self.prometheus = prometheus.url
        self._settings = self._write_settings()
        self._told = 0
        self.replicas: dict[int, ChildProcess] = {}
        for number in range(replicas):
            self.start(number)

    def _start_alertmanager(self, binary: str, webhook: str) -> int:
        routes = faster(yaml.safe_load((ROOT / "provisioning/alertmanager/alertmanager.yml").read_text()))
        for receiver in routes["receivers"]:
            receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}", "send_resolved": True}]
        config = self._directory / "alertmanager.yml"
        config.write_text(yaml.safe_dump(routes))
        port = free_port()
        command = [
            binary,
            f"--config.file={config}",
            f"--storage.path={self._directory / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        child = ChildProcess(command, self._directory / "alertmanager.log", name="alertmanager")
        self._stack.callback(child.stop)
        child.wait_ready(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 30)
        return port

    def _write_settings(self) -> Path:
        text = Path(demo.__file__).with_name("settings.yaml").read_text()
        settings = yaml.safe_load(text[: text.index("\neffects:")]) | {"remedies": yaml.safe_load(text)["remedies"]}
        settings["prometheus"] = {"url": self.prometheus, "latency_offset": "2s"}
        settings["step"] = f"{STEP}s"
        settings["baseline"] = f"{len(self.shop.past) * STEP}s"
        for one in settings["signals"].values():
            one["window"] = f"{STEP}s"
        settings["store"] = self._store
        path = self._directory / "causal.yaml"
        path.write_text(yaml.safe_dump(settings, sort_keys=False).replace(WRITTEN_URL, self.prometheus))
        return path

    def start(self, number: int = 0) -> None:
        """A replica of the datasource, until it judges."""
        port = self.ports[number]
        log = self._directory / f"datasource-{number}.log"
        replica = ChildProcess(datasource_command(self._settings, port), log, name="the datasource")
        self.replicas[number] = replica
        self._stack.callback(replica.stop)
        replica.wait_ready(lambda: answers(f"http://127.0.0.1:{port}/readyz"), TIMEOUT)

    def kill(self, number: int = 0) -> None:
        """Of a replica and of its workers nothing is left."""
        os.killpg(self.replicas[number].pid, signal.SIGKILL)
        wait_until(lambda: not self.replicas[number].running, 10)

    def freeze(self) -> None:
        """The datasource stops, and its sockets stay open."""
        os.killpg(self.replicas[0].pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        os.killpg(self.replicas[0].pid, signal.SIGCONT)

    def hear(self, *expected: tuple[str, str, str, str]) -> list[Notified]:
        """What has been sent since the last time, once all that is expected has come."""
        news = self.webhook.received

        def told() -> bool:
            return all(Notified(*one) in news[self._told :] for one in expected)

        assert wait_until(told, TIMEOUT), f"{expected} did not come, but {news[self._told :]}"
        since, self._told = self._told, len(news)
        return news[since : self._told]

    def wait_for(self, query: str) -> None:
        """Until Prometheus has any series to answer a query with."""
        assert wait_until(lambda: answer_exists(self.prometheus, query), TIMEOUT), f"nothing for {query}"

    def firing(self) -> set[tuple[str, str]]:
        """Alerts by name and service, silent ones included."""
        found = requests.get(f"{self.prometheus}/api/v1/alerts", timeout=10).json()["data"]["alerts"]
        return {
            (one["labels"]["alertname"], one["labels"].get("service", "")) for one in found if one["state"] == "firing"
        }


@contextmanager
def running(
    directory: Path,
    binary: Callable[[str], str],
    history: int = HISTORY,
    replicas: int = 1,
    store: Mapping[str, str] | None = None,
) -> Iterator[Lapse]:
    """Everything, with so many steps of history, until the end of the block; replicas share the `store` (settings)."""
    with ExitStack() as stack:
        yield Lapse(directory, binary, stack, history, replicas, store)
