"""The stand-in Prometheus, filled with a shop's history and kept up with its present."""

from __future__ import annotations

import time

from datasource.demo.live import LiveShop
from datasource.demo.samples import SampleStore
from datasource.demo.series import SERIES
from datasource.demo.services import STEP_SECONDS
from datasource.demo.serving import BackgroundServer
from datasource.demo.shop import Step
from datasource.demo.standin import standin_app

LABELS = tuple({"__name__": series.name, **dict(series.labels)} for series in SERIES)


def stored(live: LiveShop) -> SampleStore:
    """A store that holds the shop's history and takes in every step it goes on to finish."""
    store = SampleStore()
    times = [live.timestamp(step) * 1000 for step in live.history]
    for labels, values in zip(LABELS, zip(*(step.values for step in live.history), strict=True), strict=True):
        store.extend(labels, times, values)

    def append(timestamp: int, step: Step) -> None:
        for labels, value in zip(LABELS, step.values, strict=True):
            store.extend(labels, [timestamp * 1000], [value])

    live.listen(append)
    return store


def start_standin(live: LiveShop, port: int = 0) -> BackgroundServer:
    """Serve the shop through Prometheus' HTTP API on loopback, from a thread of this process."""
    checked = [0.0]

    def refresh() -> None:
        now = time.time()
        if now // STEP_SECONDS != checked[0] // STEP_SECONDS:
            live.catch_up(now)
            checked[0] = now

    return BackgroundServer(standin_app(stored(live), refresh), port=port)
