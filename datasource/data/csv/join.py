"""Several CSV files as one: the services of one system, or the hours of one day."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from datasource.data.csv.files import CsvData
from datasource.data.csv.layout import some
from datasource.data.csv.table import CsvError
from datasource.data.matrix import Matrix
from datasource.settings import Role, Signal, format_duration

_NO_ROLES: Mapping[str, Role] = MappingProxyType({})


def join_csv(parts: Sequence[CsvData], roles: Mapping[str, Role] = _NO_ROLES) -> CsvData:
    """All variables over all times; where two files have a value, the later file's counts. Signals get the `roles`
    that are given for them by name.

    Raises CsvError when some have times and others have none, when their steps differ, or when no file has a signal of
    `roles`.
    """
    return _with_roles(parts[0] if len(parts) == 1 else _joined(parts), roles)


def _with_roles(data: CsvData, roles: Mapping[str, Role]) -> CsvData:
    signals = dict(data.signals)
    for name, role in roles.items():
        if name not in signals:
            raise CsvError(f"--role: no signal is called '{name}'; there are {some(list(signals))}")
        signals[name] = signals[name].model_copy(update={"role": role})
    return replace(data, signals=signals)


def _joined(parts: Sequence[CsvData]) -> CsvData:
    if len({part.has_time for part in parts}) > 1:
        raise CsvError("some of the files have a time column and others have none; they cannot be joined")
    steps = sorted({part.matrix.step for part in parts})
    if len(steps) > 1:
        told = " and ".join(format_duration(step) for step in steps)
        longest = format_duration(steps[-1])
        raise CsvError(f"the files have steps of {told}; bring them to the same step, as --step {longest} does")
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
