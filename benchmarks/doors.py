"""A running service, and what somebody may send it who means no good: is the health check answered all the while?

    make demo                                                       # in another terminal
    .venv/bin/python benchmarks/doors.py [--url http://127.0.0.1:8321]

Loopback only, a few hundred requests. For each kind: how it was answered, and the slowest health check meanwhile (floor
1 s). A status of 500, or no answer, misses a floor, too.
"""

import argparse
import gzip
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import requests

_FLOOR = 1.0
_CLIENTS = 64
Answer = Callable[[], requests.Response]


def query(payload: Any = None, targets: int = 1, hours: float = 24.0, **more: Any) -> dict[str, Any]:
    """The body of a request for anomaly scores."""
    end = int(time.time() * 1000)
    target = {"target": "anomaly_score", "payload": payload or {}}
    return {
        "range": {"from": end - int(hours * 3_600_000), "to": end},
        "maxDataPoints": 1200,
        "targets": [{"refId": f"R{number}", **target} for number in range(targets)],
        **more,
    }


def nested(depth: int) -> Any:
    """Lists in lists."""
    found: Any = "shop/web"
    for _ in range(depth):
        found = [found]
    return found


class Watch:
    """Asks for the health check every tenth of a second, and remembers the slowest answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._over = threading.Event()
        self.slowest = 0.0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._over.is_set():
            began = time.perf_counter()
            try:
                requests.get(f"{self._url}/healthz", timeout=10).raise_for_status()
                self.slowest = max(self.slowest, time.perf_counter() - began)
            except requests.RequestException:
                self.slowest = float("inf")
            self._over.wait(0.1)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._over.set()
        self._thread.join()


def at_once(asked: Sequence[Answer]) -> Counter[str]:
    """The statuses of requests that are sent at the same time."""
    statuses: Counter[str] = Counter()

    def ask(one: Answer) -> None:
        try:
            statuses[str(one().status_code)] += 1
        except requests.RequestException as error:
            statuses[type(error).__name__] += 1

    threads = [threading.Thread(target=ask, args=(one,)) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def half_open(url: str, count: int) -> Counter[str]:
    """Connections that send half a request, held for three seconds."""
    parts = urlsplit(url)
    halves = [b"", b"GET /heal", b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"]
    with ExitStack() as stack:
        for number in range(count):
            one = stack.enter_context(socket.create_connection((parts.hostname, parts.port), timeout=10))
            one.sendall(halves[number % len(halves)])
        time.sleep(3)
    return Counter({"held": count})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8321")
    url = parser.parse_args().url.rstrip("/")
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        sys.exit("this is for a service on this machine; name one as http://127.0.0.1:8321")

    def post(sent: Any = None, data: bytes | None = None, **headers: str) -> Answer:
        return lambda: requests.post(f"{url}/query", json=sent, data=data, headers=headers, timeout=60)

    def get(path: str, **headers: str) -> Answer:
        return lambda: requests.get(url + path, headers=headers, timeout=60)

    harmful = ["([a-z/]+)+X", "(a|a)*b", ".*" * 300 + "!"]
    kinds: dict[str, Callable[[], Counter[str]]] = {
        "patterns that never end": lambda: at_once([post(query({"entity": one})) for one in harmful]),
        "the same as filters": lambda: at_once(
            [post(query(filters=[{"key": "service", "operator": "!~", "value": one}])) for one in harmful]
        ),
        "500 nested lists": lambda: at_once([post(query({"entity": nested(500)}))]),
        "100,000 brackets": lambda: at_once([post(data=b"[" * 100_000)]),
        "5 MB": lambda: at_once([post(data=bytes(5_000_000))]),
        "a gzip bomb": lambda: at_once([post(data=gzip.compress(bytes(50_000_000)), **{"Content-Encoding": "gzip"})]),
        "the name of a stranger": lambda: at_once([get("/", Host="stranger.example")]),
        "60 targets": lambda: at_once([post(query(targets=60))]),
        "30 targets of two days": lambda: at_once([post(query(targets=30, hours=48, maxDataPoints=11_000))]),
        "60 half-open sockets": lambda: half_open(url, 60),
        "600 half-open sockets": lambda: half_open(url, 600),
        "and again": lambda: half_open(url, 600),
        f"{_CLIENTS} times the same panel": lambda: at_once([post(query(hours=40))] * _CLIENTS),
        f"{_CLIENTS} different panels": lambda: at_once([post(query(hours=40 - n / 3)) for n in range(_CLIENTS)]),
        f"{_CLIENTS} scrapes": lambda: at_once([get("/metrics")] * _CLIENTS),
    }
    missed = False
    print(f"{'':28} {'answers':30} {'wall s':>7} {'health s':>9}")
    for name, send in kinds.items():
        with Watch(url) as watch:
            began = time.perf_counter()
            statuses = send()
            took = time.perf_counter() - began
        wrong = watch.slowest > _FLOOR or any((not one.isdigit() and one != "held") or one == "500" for one in statuses)
        missed |= wrong
        told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        print(f"{name:28} {told:30} {took:7.2f} {watch.slowest:9.3f}{'  <- MISSED' if wrong else ''}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
