"""How fast are panels served? The running service, beside bare range queries of the same data to its Prometheus.

python benchmarks/serve.py [--services 200] [--hours 24] [--seconds 5] [--clients 1,8,32] [--prometheus PATH]

Every client asks for one panel after the other, of another service each: cached within a snapshot, as dashboards that
people share are, and not cached, each asked for the first time. Both servers answer gzip. Prints p50, p99 and panels a
second of both, and how long the first panel takes after a restart; exit code 1 when an aim is missed, 2 without a
Prometheus.
"""

import argparse
import itertools
import math
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from running import Service, serving

from datasource.demo.processes import start_prometheus

STEP = 60
SIGNALS = {"requests": "load", "errors": "failure", "latency": "latency", "busy": "work", "cpu": "saturation"}
SETTINGS = """
prometheus: {{url: '{url}', latency_offset: 60s, timeout: 120s}}
step: {step}s
baseline: {hours}h
entities: {{service: {{labels: [service]}}}}
signals:
{signals}
graph: {{templates: [requests -> latency, requests -> cpu, cpu -> latency, requests -> errors]}}
store: {{directory: '{store}'}}
"""
PATIENCE = 600
AIMS = (("p50", 1.0), ("p99", 2.0))
"""Of panels of a snapshot, at most so many times the bare query."""


class Answers(NamedTuple):
    """Seconds of each answer, and of all together."""

    each: list[float]
    wall: float

    def at(self, share: float) -> float:
        return sorted(self.each)[min(len(self.each) - 1, math.ceil(share * len(self.each)) - 1)]


class Question(NamedTuple):
    """A request, and what its body holds."""

    method: str
    path: str
    body: bytes = b""


def main() -> int:
    """Measure, print, and say whether the aims are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--clients", default="1,8,32")
    parser.add_argument("--prometheus", default="prometheus")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        end = int(time.time()) // STEP * STEP
        write_history(folder / "history.om", asked.services, asked.hours, end)
        try:
            prometheus = start_prometheus(asked.prometheus, folder / "server", backfill=folder / "history.om")
        except OSError as error:
            print(f"there is no Prometheus to measure with: {error}; 'make servers' installs one")
            return 2
        try:
            config = folder / "causal.yaml"
            signals = "\n".join(
                f"  {one}: {{entity: service, query: {one}, window: {STEP}s, role: {role}}}"
                for one, role in SIGNALS.items()
            )
            config.write_text(
                SETTINGS.format(
                    url=prometheus.url, step=STEP, hours=asked.hours, signals=signals, store=folder / "store"
                )
            )
            print(f"{asked.services} services x {len(SIGNALS)} signals x {asked.hours} h at {STEP} s")
            first_panel(config, "cold", "first start, with its first fit")
            with serving(config, "measured") as service:
                first = wait_for_panel(service, time.monotonic())
                print(f"{first:8.2f} s to the first useful panel after a restart (aim 5)")
                return measure(service, prometheus.url, asked, end) | (first > 5)
        finally:
            prometheus.stop()


def write_history(path: Path, services: int, hours: int, end: int) -> None:
    """Noise around the load of a day, up to ten minutes from now."""
    draw = random.Random(1)
    with path.open("w") as file:
        for signal in SIGNALS:
            file.write(f"# TYPE {signal} gauge\n")
            for number in range(services):
                level = draw.lognormvariate(0, 1)
                for at in range(end - hours * 3600 - 10 * STEP, end + 10 * STEP, STEP):
                    value = level * (1 + 0.4 * math.sin(at / 13751)) * draw.lognormvariate(0, 0.1)
                    file.write(f'{signal}{{service="service-{number}"}} {value:.6f} {at}\n')
        file.write("# EOF\n")


def first_panel(config: Path, name: str, what: str) -> None:
    began = time.monotonic()
    with serving(config, name) as service:
        print(f"{wait_for_panel(service, began):8.2f} s to the first useful panel at the {what}")


def wait_for_panel(service: Service, began: float) -> float:
    """Seconds since then until a panel has values."""
    question = panel("anomaly_score", "service-0", 3600, time.time())
    connection = connect(service.url)
    while time.monotonic() - began < PATIENCE:
        service.process.expect_running()
        (frame, *_) = orjson.loads(ask(connection, question, plain=True))
        if len(frame["fields"]) > 1 and len(frame["fields"][0]["values"]):
            return time.monotonic() - began
        time.sleep(0.1)
    raise SystemExit(f"there was no panel within {PATIENCE} s:\n{service.process.log_tail()}")


def panel(target: str, entity: str, seconds: float, end: float) -> Question:
    """What Grafana asks the service, of one entity and its latency, up to `end`."""
    body = {
        "range": {"from": int(1000 * (end - seconds)), "to": int(1000 * end)},
        "maxDataPoints": 11_000,
        "targets": [
            {
                "refId": "A",
                "target": target,
                "payload": {"entity": [entity], "signal": ["latency"]},
                "editorMode": "builder",
            }
        ],
    }
    return Question("POST", "/query", orjson.dumps(body))


def bare(entity: str, seconds: float, end: float) -> Question:
    """What Grafana asks Prometheus for the same times and values."""
    query = {"query": f'latency{{service="{entity}"}}', "start": int(end - seconds), "end": int(end), "step": STEP}
    return Question("GET", f"/api/v1/query_range?{urlencode(query)}")


def measure(service: Service, prometheus: str, asked: argparse.Namespace, end: int) -> bool:
    """Print the table; whether an aim is missed."""
    whole = asked.hours * 3600.0
    names = [f"service-{number}" for number in range(asked.services)]
    kinds: dict[str, tuple[str, Callable[[int], Question]]] = {
        "bare query_range": (prometheus, lambda n: bare(names[n % len(names)], whole, end)),
        "panel of a snapshot": (service.url, lambda n: panel("expected_value", names[n % len(names)], whole, end)),
        "the same, never asked before": (
            service.url,
            lambda n: panel("expected_value", names[n % len(names)], whole - STEP * (n // len(names) % 600), end),
        ),
        "/metrics, all results": (service.url, lambda n: Question("GET", "/metrics")),
    }
    missed = False
    print(f"{'':<32}{'clients':>8}{'p50 ms':>9}{'p99 ms':>9}{'a second':>10}{'x p50':>8}{'x p99':>8}")
    for clients in map(int, asked.clients.split(",")):
        reference: Answers | None = None
        for name, (url, question) in kinds.items():
            found = run(url, question, clients, asked.seconds)
            reference = reference or found
            ratios = [found.at(share) / reference.at(share) for share in (0.5, 0.99)]
            rate = len(found.each) / found.wall
            times = "".join(f"{1000 * found.at(share):9.2f}" for share in (0.5, 0.99))
            print(f"{name:<32}{clients:>8}{times}{rate:10.0f}" + "".join(f"{one:8.2f}" for one in ratios))
            if name == "panel of a snapshot":
                missed |= any(ratio > aim for ratio, (_, aim) in zip(ratios, AIMS, strict=True))
    print("aims: a panel of a snapshot at most 1.0x at p50 and 2.0x at p99" + (": MISSED" if missed else ""))
    return missed


def run(url: str, question: Callable[[int], Question], clients: int, seconds: float) -> Answers:
    """What so many clients get, each asking one question after the other; the first of each is not counted."""
    numbers, each, lock = itertools.count(), list[float](), threading.Lock()
    began = time.monotonic()

    def client() -> None:
        connection, own = connect(url), list[float]()
        for asked in next_questions(numbers, question, began + seconds):
            start = time.perf_counter()
            ask(connection, asked)
            own.append(time.perf_counter() - start)
        with lock:
            each.extend(own[1:])

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Answers(each or [math.nan], time.monotonic() - began)


def next_questions(numbers: Iterator[int], question: Callable[[int], Question], until: float) -> Iterator[Question]:
    while time.monotonic() < until:
        yield question(next(numbers))


def connect(url: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(url).netloc, timeout=60)


def ask(connection: HTTPConnection, question: Question, *, plain: bool = False) -> bytes:
    """The body of an answer; compressed, unless it is to be `plain`."""
    headers = {"Content-Type": "application/json"} | ({} if plain else {"Accept-Encoding": "gzip"})
    connection.request(question.method, question.path, question.body or None, headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{question.path} answered HTTP {answer.status}: {body[:300]!r}")
    return body


if __name__ == "__main__":
    sys.exit(main())
