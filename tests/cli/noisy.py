"""Two services whose queue overflows in the busy hours of each day, for a few minutes, which nobody calls an incident.

What comes in one part of a day's baseline only is not usual to the fit, as what comes all day long would be.
"""

import csv
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from datasource.cli import main

START, STEP, DAY = 1_700_000_040, 60, 1440
SLOW = (2000, 2600, 3400, 4200, 5100, 5500)
"""The rows at which b gets slow, for 15 minutes."""
BUSY = 800, 180
"""The first row of each day at which queues may overflow, and for how many."""

SETTINGS = """\
# ours
prometheus: {url: http://nowhere}
step: 60s   # a point a minute
baseline: 1d
entities: {service: {labels: [service]}}
signals:
  requests: {entity: service, query: x, window: 1m, role: load}
  latency: {entity: service, query: x, window: 1m, role: latency}   # the mean
  queue: {entity: service, query: x, window: 1m, role: saturation}
graph: {templates: [requests -> latency]}
# how many alarms
anomaly:
  false_alarms_per_day: 1   # at most
# the end
"""


def run(command, *arguments):
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(path: Path, header, rows) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_files(folder: Path, overflows_per_day: int = 6, days: int = 5, calm_days: int = 0) -> None:
    """data.csv, incidents.csv and causal.yaml; no queue overflows on the first calm days."""
    rng = np.random.default_rng(5)
    n = days * DAY
    columns = {}
    for service in "ab":
        load = 50 + rng.normal(0, 5, n)
        queue = 10 + rng.normal(0, 1, n)
        for day in range(calm_days, days):
            for at in day * DAY + BUSY[0] + rng.choice(BUSY[1], size=overflows_per_day, replace=False):
                queue[at : at + 6] += 8 + rng.exponential(5)
        columns |= {f"{service}.requests": load, f"{service}.queue": queue}
        columns[f"{service}.latency"] = 0.1 + 0.001 * load + rng.normal(0, 0.005, n)
    for at in SLOW:
        columns["b.latency"][at : at + 15] += 0.1
    rows = ([START + STEP * row, *(round(float(one[row]), 5) for one in columns.values())] for row in range(n))
    write(folder / "data.csv", ["time", *columns], rows)
    begun = [START + STEP * (row - 1) for row in SLOW if row < n]
    write(folder / "incidents.csv", ["start", "end", "service"], [[at, at + 15 * STEP, "b"] for at in begun])
    (folder / "causal.yaml").write_text(SETTINGS)


def asked(folder: Path, incidents: str = "incidents.csv"):
    """The options that name these files."""
    data, config = folder / "data.csv", folder / "causal.yaml"
    return ["--data", data, "--config", config, "--incidents", folder / incidents, "--refit", "1d"]
