"""A small system in real time, a point a second, behind Prometheus' HTTP API: page calls checkout, checkout calls user.

The longer a queue the slower its service; whoever posts to /delay/<ms> makes user so much slower, until they post 0.
"""

import time
from collections.abc import Iterator

import numpy as np
from flask import Response

from datasource.demo.samples import SampleStore
from datasource.demo.serving import BackgroundServer
from datasource.demo.standin import standin_app

SERVICES = ("page", "checkout", "user")
HISTORY = 2700
"""Seconds that are known when it begins."""

SETTINGS = """\
prometheus: {url: URL, latency_offset: 1s}
step: 1s
baseline: 20m
entities:
  service: {labels: [service]}
signals:
  requests: {entity: service, query: 'service:requests', window: 1s, unit: reqps, role: load}
  queue: {entity: service, query: 'service:queue', window: 1s, unit: short, role: saturation}
  latency: {entity: service, query: 'service:latency_seconds', window: 1s, unit: s, role: latency}
relations:
  calls: {source: list, pairs: [page -> checkout, checkout -> user]}
graph:
  templates:
    - requests -> requests along calls from client to server
    - requests -> queue
    - latency -> latency along calls from server to client
anomaly:
  false_alarms_per_day: 700
"""
"""The graph lacks that a queue makes its service slow. With a point a second there are many more alarms a day."""


class LiveWorld:
    """Serves Prometheus' API at `url`; what has happened since is made up when somebody asks."""

    def __init__(self) -> None:
        self.delay = 0.0
        self._steps = self._simulate()
        self._store = SampleStore()
        self._known = int(time.time()) - HISTORY
        self._catch_up()
        app = standin_app(self._store, self._catch_up)

        @app.post("/delay/<int:ms>")
        def set_delay(ms: int) -> Response:
            self._catch_up()
            self.delay = ms / 1000
            return Response(status=204)

        self._server = BackgroundServer(app)
        self.url = self._server.url

    def stop(self) -> None:
        self._server.stop()

    def _catch_up(self) -> None:
        now = int(time.time())
        times = [1000 * second for second in range(self._known + 1, now + 1)]
        rows = np.array([next(self._steps) for _ in times]).reshape(len(times), 3 * len(SERVICES))
        self._known = now
        for column, values in enumerate(rows.T):
            name = ("service:requests", "service:queue", "service:latency_seconds")[column % 3]
            labels = {"__name__": name, "service": SERVICES[column // 3]}
            self._store.extend(labels, times, values.tolist())

    def _simulate(self) -> Iterator[list[float]]:
        """Requests, queue and latency of each service, second by second."""
        rng = np.random.default_rng(7)
        load, queues = 100.0, dict.fromkeys(SERVICES, 5.0)
        while True:
            load += 0.05 * (100.0 - load) + 3.0 * rng.normal()
            latency, found = 0.0, dict[str, list[float]]()
            for name in reversed(SERVICES):
                queues[name] = 0.05 * load + 0.8 * (queues[name] - 0.05 * load) + 0.4 * rng.normal()
                latency += 0.004 * queues[name] + 0.001 * rng.normal() + (self.delay if name == "user" else 0.0)
                found[name] = [load + rng.normal(), queues[name], latency]
            yield [value for name in SERVICES for value in found[name]]
