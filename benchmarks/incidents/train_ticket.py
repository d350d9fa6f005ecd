"""Nezha's Train Ticket (Yu et al. 2023): spans and log lines, added up over ten seconds by service and by call."""

import json
from pathlib import Path

import numpy as np

from benchmarks.incidents.incident import Incident
from datasource.data import Matrix, count_absent_failures
from datasource.data.csv.files import CsvData
from datasource.replay.rank_files import joined_files

_DURING = 180
_MINUTE = 60


def read_train_ticket(directory: str | Path) -> list[Incident]:
    """Every labelled fault as an incident: three minutes from its injection on, against all other minutes.

    Other faults are among the others. Points without any sample are no time at all.
    """
    folder = Path(directory)
    try:
        faults = json.loads((folder / "faults.json").read_text())["labelled"]
    except OSError as error:
        raise SystemExit(f"{folder}: holds no faults.json ({error.strerror})") from None
    data = joined_files([str(folder / "services.csv"), str(folder / "calls.csv")])
    return [_incident(data, fault) for fault in faults]


def _incident(data: CsvData, fault: dict[str, str]) -> Incident:
    at = int(np.datetime64(fault["inject_time"].replace(" ", "T")).astype("datetime64[s]").astype(int))
    matrix = count_absent_failures(data.matrix, data.signals)
    first = at // data.matrix.step * data.matrix.step
    now = matrix.between(first, first + _DURING - 1)
    faulty = (matrix.times >= at // _MINUTE * _MINUTE) & (matrix.times < first + _DURING)
    before = Matrix(matrix.variables, matrix.start, matrix.step, np.where(faulty, np.nan, matrix.values))
    service = fault["inject_pod"].rsplit("-", 2)[0]
    kind = fault["inject_type"]
    return Incident(f"{fault['inject_time']} {kind}", kind, before, now, data.signals, causes=(frozenset({service}),))


def servers(incident: Incident) -> dict[str, str]:
    """The server of each measured call, by the call's name."""
    variables = incident.baseline.variables
    return {str(v.entity): dict(v.entity.labels)["server"] for v in variables if v.entity.type == "call"}
