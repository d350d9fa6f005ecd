"""Incidents as CSV files, for other programs."""

import csv
import json
from pathlib import Path

import numpy as np

from benchmarks.incidents.incident import Incident
from datasource.data import Matrix


def export(incident: Incident, directory: str | Path) -> Path:
    """Write normal.csv, incident.csv (wide: time, service.signal), calls.csv and truth.json into a folder of its own.

    The truth has the root causes, each a list of services of which any is a right answer, none where nothing broke; and
    the path, the calls (caller, callee) along which the fault travelled.
    """
    folder = Path(directory) / incident.name.replace("%", "percent").replace(" ", "-").replace("/", "-")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "normal.csv", incident.baseline)
    _write(folder / "incident.csv", incident.incident)
    with (folder / "calls.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("caller", "callee"), *((str(a), str(b)) for a, b in incident.calls)])
    truth = {
        "scenario": incident.group,
        "symptom": str(incident.symptom) if incident.symptom else None,
        "root_causes": [sorted(cause) for cause in incident.causes],
        "path": sorted(map(list, incident.path)),
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    return folder


def _write(path: Path, matrix: Matrix) -> None:
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("time", *map(str, matrix.variables)))
        for time, values in zip(matrix.times.tolist(), matrix.values.T, strict=True):
            writer.writerow((time, *("" if np.isnan(value) else f"{value:.6g}" for value in values)))
