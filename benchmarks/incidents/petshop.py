"""PetShop (Hardt et al. 2024): a shop on AWS, five-minute metrics, injected delays and errors."""

import csv
import json
from pathlib import Path

import numpy as np

from benchmarks.incidents.incident import Incident
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.settings import Signal

_STEP = 300
_SIGNALS = {
    ("requests", "Sum"): Signal(entity="service", query="requests", window=300.0, unit="ops", kind="rate", role="load"),
    ("latency", "Average"): Signal(entity="service", query="latency", window=300.0, unit="s", role="latency"),
    ("availability", "Average"): Signal(entity="service", query="availability", window=300.0, unit="%", role="success"),
}
_SIGNALS |= {
    ("latency", f"p{n}"): Signal(
        entity="service", query=f"latency p{n}", window=300.0, unit="s", kind="quantile", role="latency"
    )
    for n in (50, 90, 95, 99)
}
SIGNALS = {f"{metric}_{statistic}": signal for (metric, statistic), signal in _SIGNALS.items()}


def read_petshop(directory: str | Path, split: str = "train") -> list[Incident]:
    """Every issue of a split, against the quiet time of its traffic; the group is its traffic and its metric."""
    incidents = []
    for folder in sorted(Path(directory).glob("*_traffic")):
        quiet, calls = read_quiet(folder)
        for issue in sorted((folder / split).glob("issue_*")):
            target = json.loads((issue / "target.json").read_text())
            symptom = target["target"]
            incidents.append(
                Incident(
                    f"{folder.name}/{issue.name}",
                    f"{folder.name.removesuffix('_traffic')} {symptom['metric']}",
                    quiet,
                    read_metrics(issue / "metrics.csv"),
                    SIGNALS,
                    calls,
                    Variable(_entity(symptom["node"]), f"{symptom['metric']}_{symptom['agg']}"),
                    (frozenset({target["root_cause"]["node"]}),),
                )
            )
    if not incidents:
        raise SystemExit(
            f"{directory}: holds no *_traffic/{split}/issue_*; name the folder that has high_traffic in it"
        )
    return incidents


def read_quiet(folder: Path) -> tuple[Matrix, tuple[tuple[Entity, Entity], ...]]:
    """The time without issues of one traffic, and who calls whom."""
    with (folder / "graph.csv").open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    calls = [
        (_entity(row[0]), _entity(callee))
        for row in rows
        for callee, cell in zip(header[1:], row[1:], strict=True)
        if float(cell or 0) > 0
    ]
    return read_metrics(folder / "noissue" / "metrics.csv"), tuple(calls)


def read_metrics(path: Path) -> Matrix:
    """A file whose first three lines name service, metric and statistic of each column."""
    with path.open(newline="") as lines:
        services, metrics, statistics, *rows = list(csv.reader(lines))
    rows = [row for row in rows if row[0].replace(".", "", 1).isdigit()]
    kept = [i for i in range(1, len(services)) if (metrics[i], statistics[i]) in _SIGNALS]
    variables = tuple(Variable(_entity(services[i]), f"{metrics[i]}_{statistics[i]}") for i in kept)
    times = np.array([int(float(row[0])) for row in rows])
    place = (times - times[0]) // _STEP
    values: Floats = np.full((len(kept), int(place[-1]) + 1), np.nan)
    for row, at in zip(rows, place, strict=True):
        values[:, at] = [float(row[i]) if row[i] else np.nan for i in kept]
    return Matrix(variables, int(times[0]) // _STEP * _STEP, _STEP, values)


def _entity(name: str) -> Entity:
    return Entity("service", (("service", name),))


def quiet_windows(directory: str | Path, length: int = 5) -> list[Incident]:
    """The last third of each quiet time in windows, each against the first two thirds; nothing is broken."""
    incidents = []
    for folder in sorted(Path(directory).glob("*_traffic")):
        quiet, calls = read_quiet(folder)
        from_column = quiet.values.shape[1] * 2 // 3
        before = quiet.between(quiet.start, quiet.start + (from_column - 1) * _STEP)
        for first in range(from_column, quiet.values.shape[1] - length + 1, length):
            start = quiet.start + first * _STEP
            now = quiet.between(start, start + (length - 1) * _STEP)
            incidents.append(Incident(f"{folder.name} {first}", "quiet", before, now, SIGNALS, calls))
    return incidents
