"""The shop's values as text: history for promtool to backfill, the newest step for Prometheus to scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TextIO

from datasource.demo.series import SERIES, Series
from datasource.demo.services import STEP_SECONDS
from datasource.demo.shop import Step

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

HELP = {
    "service:requests:rate30s": "Requests per second.",
    "service:busy_seconds:rate30s": "Seconds of work per second, waiting for callees included.",
    "service:errors:rate30s": "Failed requests per second.",
    "service:latency_seconds:mean30s": "Mean seconds per request.",
    "service:cpu_cores:rate30s": "Busy cores.",
    "service:restarts:increase30s": "Restarts in the last 30 seconds.",
    "service:rollouts:increase30s": "Rollouts in the last 30 seconds.",
    "call:requests:rate30s": "Calls per second from client to server.",
    "call:seconds:rate30s": "Seconds per second that the client spends in calls of the server.",
}

NO_TARGET = (("job", ""), ("instance", ""))


def _families() -> Iterator[tuple[str, list[tuple[int, Series]]]]:
    for name, members in groupby(enumerate(SERIES), key=lambda member: member[1].name):
        yield name, list(members)


def _selector(series: Series, *more: tuple[str, str]) -> str:
    return series.name + "{" + ",".join(f'{label}="{value}"' for label, value in (*series.labels, *more)) + "}"


def write_openmetrics(out: TextIO, steps: Sequence[Step], origin: int, seconds: int = STEP_SECONDS) -> None:
    """Write steps as OpenMetrics text, for `promtool tsdb create-blocks-from openmetrics`.

    `origin` is the timestamp of step number 0, in seconds since the epoch; a step takes so many `seconds`.
    """
    ends = [f" {origin + step.number * seconds}\n" for step in steps]
    for name, members in _families():
        out.write(f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n")
        for place, series in members:
            start = _selector(series) + " "
            values: Iterable[float] = (step.values[place] for step in steps)
            out.write("".join([f"{start}{value!r}{end}" for value, end in zip(values, ends, strict=True)]))
    out.write("# EOF\n")


def live_metrics(step: Step, timestamp: int) -> str:
    """One step as text to scrape, with explicit timestamps, so that it continues the backfilled grid.

    `timestamp` is the end of the step, in seconds since the epoch; the text has milliseconds. Job and instance are
    said to be empty, so that the series are those of the history; both as in Prometheus' own `/federate`. The scrape
    needs `honor_labels: true`, and `honor_timestamps: true`, which is the default.
    """
    lines = []
    for name, members in _families():
        lines.append(f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n")
        for place, series in members:
            lines.append(f"{_selector(series, *NO_TARGET)} {step.values[place]!r} {timestamp * 1000}\n")
    return "".join(lines)
