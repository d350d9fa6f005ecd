"""Several CSV files as one: the services of one system, or the hours of one day."""

from collections.abc import Sequence

import numpy as np

from datasource.settings import Signal, format_duration
from datasource.telemetry.csv_files import CsvData
from datasource.telemetry.csv_table import CsvError
from datasource.telemetry.matrix import Matrix


def join_csv(parts: Sequence[CsvData]) -> CsvData:
    """All variables over all times; where two files have a value, the later file's counts.

    Raises CsvError when some have times and others have none, or when their steps differ.
    """
    if len(parts) == 1:
        return parts[0]
    if len({part.has_time for part in parts}) > 1:
        raise CsvError("some of the files have a time column and others have none; they cannot be joined")
    steps = sorted({part.matrix.step for part in parts})
    if len(steps) > 1:
        told = " and ".join(format_duration(step) for step in steps)
        raise CsvError(f"the files have steps of {told}; bring them to the same step")
    signals: dict[str, Signal] = {}
    notices = dict.fromkeys(notice for part in parts for notice in part.notices)
    for part in parts:
        for name, signal in part.signals.items():
            known = signals.setdefault(name, signal)
            if known.unit != signal.unit:
                notices[f"'{name}' is in {known.unit} in one file and in {signal.unit} in another"] = None
    return CsvData(_join([part.matrix for part in parts]), signals, tuple(notices), parts[0].has_time)


def _join(matrices: Sequence[Matrix]) -> Matrix:
    start, end, step = min(m.start for m in matrices), max(m.end for m in matrices), matrices[0].step
    variables = tuple(dict.fromkeys(variable for matrix in matrices for variable in matrix.variables))
    rows = {variable: row for row, variable in enumerate(variables)}
    values = np.full((len(variables), (end - start) // step + 1), np.nan)
    for matrix in matrices:
        columns = slice((matrix.start - start) // step, (matrix.end - start) // step + 1)
        places = [rows[variable] for variable in matrix.variables]
        values[places, columns] = np.where(np.isfinite(matrix.values), matrix.values, values[places, columns])
    return Matrix(variables, start, step, values)
