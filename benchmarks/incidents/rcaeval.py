"""RCAEval's published layout (Pham et al. 2025): SYSTEM/SERVICE_FAULT/RUN with metrics and the time of injection."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.incidents.incident import Incident
from datasource.data import Entity, Matrix, Variable
from datasource.data.csv.files import read_csv
from datasource.settings import Signal

_FILES = ("simple_metrics.csv", "metrics.csv", "data.csv")
_BEFORE, _SINCE = 600, 600
"""Seconds before and since the injection that its evaluation looks at."""


def read_rcaeval(directory: str | Path) -> list[Incident]:
    """Every run below a folder; its group is the system, its cause the service in the name of its folder."""
    return list(_incidents(Path(directory)))


def _incidents(directory: Path) -> Iterator[Incident]:
    for said in sorted(directory.rglob("inject_time.txt")):
        run = said.parent
        file = next((run / name for name in _FILES if (run / name).exists()), None)
        service, _, fault = run.parent.name.rpartition("_")
        if file is None or not service:
            continue
        at = int(float(said.read_text().strip()))
        matrix, signals = _read(file)
        before, since = matrix.between(at - _BEFORE, at - 1), matrix.between(at, at + _SINCE)
        if before.values.shape[1] and since.values.shape[1]:
            name = f"{run.parent.parent.name}/{run.parent.name}/{run.name}"
            yield Incident(
                name, f"{run.parent.parent.name} {fault}", before, since, signals, causes=(frozenset({service}),)
            )


def _read(file: Path) -> tuple[Matrix, dict[str, Signal]]:
    """Columns are called SERVICE_METRIC; what has no service in its name is left out."""
    data = read_csv(file)
    matrix = data.matrix
    variables, rows = [], []
    for row, variable in enumerate(matrix.variables):
        name = str(variable.entity)
        if name != file.stem:
            variables.append(Variable(Entity("service", (("service", name),)), variable.signal))
            rows.append(row)
    return Matrix(tuple(variables), matrix.start, matrix.step, matrix.values[rows]), data.signals
