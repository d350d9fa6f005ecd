"""Incidents as CSV files, for other programs."""

import csv
import json
from pathlib import Path

import numpy as np

from benchmarks.incidents.incident import Incident
from benchmarks.incidents.traces import Traces
from datasource.data import Matrix


def export(incident: Incident, directory: str | Path) -> Path:
    """Write normal.csv, incident.csv (wide: time, service.signal), calls.csv and truth.json into a folder of its own.

    What spans and log lines would have counted is written beside them, with the same two ends: `*_calls.csv` (time,
    client, server, calls, client_seconds, server_seconds) and `*_logs.csv` (time, service, log_lines, log_errors).
    The truth has the root causes, each a list of services of which any is a right answer, none where nothing broke; and
    the path, the calls (caller, callee) along which the fault travelled.
    """
    folder = Path(directory) / incident.name.replace("%", "percent").replace(" ", "-").replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "normal.csv", incident.baseline)
    _write(folder / "incident.csv", incident.incident)
    with (folder / "calls.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("caller", "callee"), *((str(a), str(b)) for a, b in incident.calls)])
    if incident.traces is not None:
        _write_traces(folder, incident, incident.traces)
    truth = {
        "scenario": incident.group,
        "symptom": str(incident.symptom) if incident.symptom else None,
        "root_causes": [sorted(cause) for cause in incident.causes],
        "path": sorted(map(list, incident.path)),
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    return folder


def _write_traces(folder: Path, incident: Incident, traces: Traces) -> None:
    heads = {
        "calls": ("client", "server", "calls", "client_seconds", "server_seconds"),
        "logs": ("service", "log_lines", "log_errors"),
    }
    rows = {"calls": traces.calls, "logs": {(name,): counts for name, counts in traces.logs.items()}}
    before = incident.baseline.values.shape[1]
    for kind, head in heads.items():
        for end, matrix, first in (("normal", incident.baseline, 0), ("incident", incident.incident, before)):
            with (folder / f"{end}_{kind}.csv").open("w", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(("time", *head))
                for number, time in enumerate(matrix.times.tolist(), start=first):
                    writer.writerows((time, *key, *map(_shown, row[:, number])) for key, row in rows[kind].items())


def _shown(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _write(path: Path, matrix: Matrix) -> None:
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("time", *map(str, matrix.variables)))
        for time, values in zip(matrix.times.tolist(), matrix.values.T, strict=True):
            writer.writerow((time, *map(_shown, values)))
