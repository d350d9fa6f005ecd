"""Does the running service keep flat? An hour of evaluations, refits, requests and faults in a few minutes.

python benchmarks/soak.py [--minutes 4]

`causal-datasource serve`, all its processes, with a step of one second and a fit every three, so that two minutes are
an hour of half-minute steps. Meanwhile clients scrape, ask for panels, send nonsense and leave sockets half open;
Prometheus is slow, resets, answers HTML, 429 and 500 in turn; a service is slow now and then; settings are read again
on SIGHUP. Memory, descriptors and threads of each process are looked at every second; the last quarter is compared with
the second one. Exit code 1 where anything grows, where the
service does not heal, or where something is left once it has stopped.
"""

import argparse
import os
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import requests
from failing_prometheus import Front
from running import FAST, Service, TwoServices, serving

SHORT = 2.0
"""Seconds of a fault of Prometheus; then it is well for twice as long."""
FAULTS = "slow", "reset", "truncated", "html", "circle", "patience", "others", "error"
SLOW_FOR, RELOAD = 8.0, 15.0
"""Seconds for which a service is slow, and not; and between two reloads."""
GROWTH, MEGABYTES, DESCRIPTORS, THREADS = 0.10, 10.0, 8, 4
"""So much more memory than before is growth, as a share and at least; so many more descriptors, threads."""


class Size(NamedTuple):
    """Of one process: resident memory in MB, open descriptors, threads."""

    megabytes: float
    descriptors: int
    threads: int


def size_of(pid: int) -> Size | None:
    """What a process takes up now; None where there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        pages = int((folder / "statm").read_text().split()[1])
        descriptors, threads = (len(os.listdir(folder / name)) for name in ("fd", "task"))
    except (OSError, ValueError):
        return None
    return Size(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, descriptors, threads)


def ask(service: Service, asked: dict[int, int]) -> None:
    """One round of what clients send; counts answers by status."""
    panel = {
        "range": {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"},
        "targets": [{"target": "anomaly_score", "payload": {"variable": "web.latency"}}],
    }
    session = requests.Session()
    calls: tuple[Callable[[], requests.Response], ...] = (
        lambda: session.get(f"{service.url}/metrics", timeout=30),
        lambda: session.get(f"{service.url}/", timeout=30),
        lambda: session.get(f"{service.url}/api/v1/snapshot", timeout=30),
        lambda: session.post(f"{service.url}/query", json=panel, timeout=30),
        lambda: session.post(f"{service.url}/query", data=b'{"targets": [' * 50, timeout=30),
        lambda: session.get(f"{service.url}/api/v1/{time.time()}", timeout=30),
    )
    for call in calls:
        with suppress(requests.RequestException):
            status = call().status_code
            asked[status] = asked.get(status, 0) + 1
    session.close()


def half_open(service: Service) -> socket.socket:
    """A client that sends half of a request and then nothing."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    found = socket.create_connection((host, int(port)), timeout=10)
    found.sendall(b"POST /query HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
    return found


class Load:
    """Everything that happens to a service, in threads that end together."""

    def __init__(self, service: Service, front: Front, shop: TwoServices) -> None:
        self.service, self.front, self.shop = service, front, shop
        self.asked: dict[int, int] = {}
        self._over = threading.Event()
        every = (self._clients, self._faults, self._slowness, self._reloads, self._half_open)
        self._threads = [threading.Thread(target=one, daemon=True) for one in every]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        self.front.fault, self.shop.slower = "", 1.0

    def _clients(self) -> None:
        while not self._over.wait(0.2):
            ask(self.service, self.asked)

    def _faults(self) -> None:
        for fault in cycle(FAULTS):
            if self._over.wait(2 * SHORT):
                return
            self.front.fault = fault
            self._over.wait(SHORT)
            self.front.fault = ""

    def _slowness(self) -> None:
        for slower in cycle((3.0, 1.0)):
            if self._over.wait(SLOW_FOR):
                return
            self.shop.slower = slower

    def _reloads(self) -> None:
        while not self._over.wait(RELOAD):
            os.kill(self.service.process.pid, signal.SIGHUP)

    def _half_open(self) -> None:
        while not self._over.wait(1.0):
            with suppress(OSError):
                one = half_open(self.service)
                self._over.wait(0.5)
                one.close()


def looked(service: Service, seconds: float) -> Iterator[dict[str, Size]]:
    """The size of every process, every second."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pids = {"starts both": service.process.pid} | service.children()
        yield {name: size for name, pid in pids.items() if (size := size_of(pid))}
        time.sleep(1)


def grown(name: str, sizes: list[Size]) -> bool:
    """Print what a process took up in the second and in the last quarter; whether that is more than chance."""
    quarter = max(len(sizes) // 4, 1)
    before, after = (
        Size(*(statistics.median(column) for column in zip(*part, strict=True)))
        for part in (sizes[quarter : 2 * quarter], sizes[-quarter:])
    )
    more = Size(*(b - a for a, b in zip(before, after, strict=True)))
    most = Size(max(MEGABYTES, GROWTH * before.megabytes), DESCRIPTORS, THREADS)
    wrong = any(value > limit for value, limit in zip(more, most, strict=True))
    units = ("MB", "descriptors", "threads")
    sides = [f"{a:.0f} -> {b:.0f} {unit}" for a, b, unit in zip(before, after, units, strict=True)]
    print(f"{'MISSED' if wrong else 'reached'}  the process that {name}: {', '.join(sides)}")
    return wrong


def soak(service: Service, front: Front, shop: TwoServices, minutes: float) -> bool:
    """Live through it; whether anything is wrong."""
    service.wait(service.scores)
    began = service.shown()["health"]["evaluations"]
    load = Load(service, front, shop)
    sizes: dict[str, list[Size]] = {}
    for number, now in enumerate(looked(service, 60 * minutes)):
        for name, size in now.items():
            sizes.setdefault(name, []).append(size)
        if number % 30 == 29:
            print(f"{number + 1} s: " + ", ".join(f"{n} {s.megabytes:.0f} MB" for n, s in now.items()), flush=True)
    load.end()
    wrong = [grown(name, found) for name, found in sizes.items()]
    service.wait(lambda: not service.error() and service.scores() == 4 and service.number("stale") == 0)
    restarts = service.number("evaluator_restarts_total")
    done = service.shown()["health"]["evaluations"] - began
    failed = {status: count for status, count in load.asked.items() if status >= 500 and status != 503}
    _, _, traced = service.process.log.read_text().partition("Traceback")
    print(
        f"{done} evaluations, answers by status {dict(sorted(load.asked.items()))}, {restarts:.0f} restarts",
        traced[:2000],
    )
    odd = bool(failed or traced or restarts)
    print(f"{'MISSED' if odd else 'reached'}  no answer of 500, no traceback, no restart; it is well")
    return any(wrong) or odd


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4.0)
    minutes = parser.parse_args().minutes
    shop = TwoServices()
    front = Front(0, shop.server.port)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "causal.yaml"
        text = FAST.format(url=f"http://127.0.0.1:{front.server_port}", store=Path(directory) / "store")
        file.write_text(text.replace("warm_up: 60", "warm_up: 60, refit: 3s"))
        with serving(file, "soak") as service:
            wrong = soak(service, front, shop, minutes)
            pids = [service.process.pid, *service.children().values()]
    left = [pid for pid in pids if size_of(pid)]
    print(f"{'MISSED' if left else 'reached'}  no process is left")
    front.stop()
    shop.stop()
    return int(wrong or bool(left))


if __name__ == "__main__":
    sys.exit(main())
