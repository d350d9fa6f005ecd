"""Services of any number, as a Prometheus without a server: their signals, who calls whom, and a reader of both."""

import time
from collections.abc import Iterator, Mapping

import numpy as np
import orjson

from datasource.data import Entity, Floats
from datasource.data.growing import Block
from datasource.prometheus import Reader
from datasource.prometheus.client import PrometheusClient
from datasource.prometheus.reader import SignalReading, SignalReport
from datasource.settings import Settings

STEP = 30
START = 1_700_000_010 // STEP * STEP
SIGNALS = ("requests", "busy", "errors", "latency", "cpu", "memory")
_CALLEES, _SLOW, _SINCE = 2, 100, 10
"""Callees of a service; one of so many services is slow, for so many points before the baseline ends."""


class World:
    """`services`, each with six signals, at `points` of a baseline and `further` ones: what Prometheus would have.

    A service calls two others with a higher number, whose latency it passes on by half. One of a hundred is slow since
    ten points before the baseline ends, so that there are verdicts to reach.
    """

    def __init__(self, services: int, points: int, further: int) -> None:
        rng = np.random.default_rng(1)
        self.points = points
        self.entities = [Entity("service", (("service", f"s{i:05d}"),)) for i in range(services)]
        self.calls = [
            (i, j) for i in range(services) for j in rng.choice(services, _CALLEES, replace=False).tolist() if j > i
        ]
        columns = points + further
        day = 1 + 0.3 * np.sin(2 * np.pi * np.arange(columns) * STEP / 86400)
        self.values = {name: np.empty((services, columns)) for name in SIGNALS}
        callees: dict[int, list[int]] = {}
        for i, j in self.calls:
            callees.setdefault(i, []).append(j)
        for i in reversed(range(services)):
            requests = 100 * day * np.exp(rng.normal(0, 0.1, columns))
            own = 0.05 + 1e-4 * requests + rng.normal(0, 0.004, columns)
            if i % _SLOW == _SLOW - 1:
                own[points - _SINCE :] += 0.5
            latency = own + sum(0.5 * self.values["latency"][j] for j in callees.get(i, ()))
            self.values["requests"][i] = requests
            self.values["latency"][i] = latency
            self.values["busy"][i] = requests * latency
            self.values["errors"][i] = rng.poisson(0.01 * requests * STEP) / STEP
            self.values["cpu"][i] = 0.1 + 0.01 * requests + rng.normal(0, 0.05, columns)
            self.values["memory"][i] = 1e8 + 1e4 * requests + rng.normal(0, 1e6, columns)

    @property
    def bytes(self) -> int:
        """How much memory the world itself takes."""
        return sum(values.nbytes for values in self.values.values())

    def at(self, column: int) -> int:
        """The time (seconds) of a column."""
        return START + STEP * column

    def rows(self, signal: str, start: int, end: int, step: int = STEP) -> Mapping[Entity, Floats]:
        """The values of a signal on a grid from `start` to `end` (seconds), NaN before the world began."""
        first, stop = (start - START) // STEP, (end - START) // STEP + 1
        unknown = np.full((len(self.entities), max(-first, 0)), np.nan)
        found = np.hstack([unknown, self.values[signal][:, max(first, 0) : stop]])[:, :: step // STEP]
        return dict(zip(self.entities, found, strict=True))


class WorldReader(Reader):
    """A reader of a world. Newest points come as Prometheus writes them, and are decoded; a baseline comes as it is:
    what decoding that costs is measured by benchmarks/read.py. `writing` is the CPU (seconds) that is Prometheus'."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings)
        self._world = world
        self.client = _Client(settings, world)

    @property
    def writing(self) -> float:
        """CPU (seconds) of writing answers."""
        return self.client.writing  # type: ignore[attr-defined, no-any-return]

    def read_each(self, spans: Mapping[str, tuple[int, int]], step: int) -> list[SignalReading]:
        """The signals on their grids."""
        if all((end - start) // step < self._world.points // 2 for start, end in spans.values()):
            return super().read_each(spans, step)
        found = []
        for name, (start, end) in spans.items():
            rows = self._world.rows(name, start, end, step)
            columns = (end - start) // step + 1
            report = SignalReport(name, len(rows), len(rows) * columns)
            found.append(SignalReading(Block(name, start, columns, rows), report))
        return found


class _Client(PrometheusClient):
    """Answers range queries from memory: the name of a signal, or any other for who calls whom."""

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings.prometheus)
        self._world = world
        self.writing = 0.0

    def raw_range(self, query: str, start: int, end: int, step: int, ahead: object = None) -> Iterator[bytes]:
        began = time.thread_time()
        series = list(self._signal(query, start, end, step) if query in SIGNALS else self._calls(end))
        body = orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}})
        self.writing += time.thread_time() - began
        yield body

    def _signal(self, name: str, start: int, end: int, step: int) -> Iterator[dict[str, object]]:
        times = range(start, end + 1, step)
        for entity, row in self._world.rows(name, start, end, step).items():
            values = zip(times, map(repr, row.tolist()), strict=True)
            yield {"metric": dict(entity.labels), "values": list(values)}

    def _calls(self, end: int) -> Iterator[dict[str, object]]:
        for i, j in self._world.calls:
            client, server = (self._world.entities[place].labels[0][1] for place in (i, j))
            yield {"metric": {"client": client, "server": server}, "values": [(end - STEP, "1"), (end, "1")]}
