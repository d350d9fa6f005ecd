"""How fast is a baseline read? Against a real Prometheus, beside other ways of asking the same question.

python benchmarks/read.py [--prometheus PATH] [--rounds N]

Prints seconds and ratios; exit code 1 when a promise is not kept, 2 without a Prometheus.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import requests
from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

from datasource.demo.processes import start_prometheus
from datasource.prometheus import History, Reader
from datasource.settings import parse_settings

SERIES, POINTS, STEP = 200, 5760, 30
START = 1_763_000_010 // STEP * STEP
END = START + STEP * (POINTS - 1)
OURS, REFRESH = "ours", "ours, refresh of the newest minute"
DATA_FRAME = "prometheus-api-client, data frame (gzip)"
BARE, GZIP = "bare request (identity)", "bare request (gzip)"
SETTINGS = """
prometheus: {{url: '{url}', latency_offset: 0s}}
step: {step}s
baseline: {baseline}s
full_resolution: {baseline}s
entities: {{service: {{labels: [service]}}}}
signals: {{latency: {{entity: service, query: latency_seconds, window: {step}s}}}}
"""


class Cost(NamedTuple):
    """Seconds of waiting, and of this process' CPU."""

    wall: float
    cpu: float


def main() -> int:
    """Measure, print, and say whether the promises are kept."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--prometheus", default="prometheus", help="the binary; promtool lies beside it or on PATH")
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        text = Path(directory) / "history.om"
        write_history(text)
        try:
            server = start_prometheus(chosen.prometheus, Path(directory) / "server", backfill=text)
        except OSError as error:
            print(f"there is no Prometheus to measure with: {error}; 'make servers' installs one")
            return 2
        try:
            costs = measure(ways(server.url), chosen.rounds)
        finally:
            server.stop()
    return report(costs)


def write_history(path: Path) -> None:
    """Noise around a level for every series, in OpenMetrics."""
    draw = random.Random(1)
    with path.open("w") as file:
        file.write("# TYPE latency_seconds gauge\n")
        for series in range(SERIES):
            level = draw.lognormvariate(-2, 1)
            for point in range(POINTS):
                value = round(level * draw.lognormvariate(0, 0.1), 6)
                file.write(f'latency_seconds{{service="service-{series}"}} {value} {START + STEP * point}\n')
        file.write("# EOF\n")


def ways(url: str) -> dict[str, Callable[[], Callable[[], None]]]:
    """By name, what prepares one round and returns what is to be measured."""
    settings = parse_settings(SETTINGS.format(url=url, step=STEP, baseline=STEP * POINTS))
    query = {"query": "latency_seconds", "start": START, "end": END, "step": STEP}
    first, last = datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(END, UTC)

    def ours() -> Callable[[], None]:
        history = History(Reader(settings))
        return lambda: expect(history.update(END).values.shape, (SERIES, POINTS))

    def refresh() -> Callable[[], None]:
        history = History(Reader(settings))
        history.update(END - 60)
        return lambda: expect(history.update(END).values.shape, (SERIES, POINTS))

    def data_frame() -> Callable[[], None]:
        client = PrometheusConnect(url=url)
        return lambda: expect(
            len(MetricRangeDataFrame(client.custom_query_range("latency_seconds", first, last, str(STEP)))),
            SERIES * POINTS,
        )

    def bare(encoding: str) -> Callable[[], None]:
        headers = {"Accept-Encoding": encoding}

        def read() -> None:
            with requests.get(f"{url}/api/v1/query_range", query, headers=headers, stream=True, timeout=60) as answer:
                expect(sum(map(len, answer.raw.stream(1 << 16, decode_content=False))) > 0, True)

        return read

    return {
        OURS: ours,
        DATA_FRAME: data_frame,
        BARE: lambda: bare("identity"),
        GZIP: lambda: bare("gzip"),
        REFRESH: refresh,
    }


def expect(found: object, expected: object) -> None:
    """A way that reads something else is not compared."""
    if found != expected:
        raise AssertionError(f"{found} was read, {expected} is there")


def measure(ways: dict[str, Callable[[], Callable[[], None]]], rounds: int) -> dict[str, Cost]:
    """The median cost of each way, which take turns; the round before the first is not counted."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, prepare in ways.items():
            action = prepare()
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            costs[name].append(Cost(time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: Cost(statistics.median(one.wall for one in each[1:]), statistics.median(one.cpu for one in each[1:]))
        for name, each in costs.items()
    }


def report(costs: dict[str, Cost]) -> int:
    """Print the table and the promises; 1 when one is not kept."""
    print(f"{SERIES} series x {POINTS:,} points\n{'':<42}{'wall s':>9}{'CPU s':>9}")
    for name, cost in costs.items():
        print(f"{name:<42}{cost.wall:9.3f}{cost.cpu:9.3f}")
    ours, frame, bare, refresh = (costs[name] for name in (OURS, DATA_FRAME, BARE, REFRESH))
    promises = [
        ("times faster than the data frame", frame.wall / ours.wall, "at least", 4.0),
        ("times less CPU than the data frame", frame.cpu / ours.cpu, "at least", 5.0),
        ("times the wall time of the bare request", ours.wall / bare.wall, "at most", 1.3),
        ("of a full read, to refresh the newest minute", refresh.wall / ours.wall, "at most", 0.05),
    ]
    print()
    kept = True
    for what, ratio, side, floor in promises:
        good = ratio >= floor if side == "at least" else ratio <= floor
        kept = kept and good
        print(f"{ratio:8.3f} {what} ({side} {floor:g}){'' if good else '  <- MISSED'}")
    if not kept:
        print("\na promise is not kept; on a busy machine, measure again")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
