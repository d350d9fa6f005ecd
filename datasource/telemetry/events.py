"""How an event enters the matrix: as a count, as "active", or as the time since it last happened."""

from collections.abc import Mapping

import numpy as np

from datasource.settings import Signal
from datasource.telemetry.matrix import Floats, Matrix


def encode_events(matrix: Matrix, signals: Mapping[str, Signal]) -> Matrix:
    """The matrix with every event signal encoded as its settings say; the same matrix when all are counts.

    "active" is 1 where there was any occurrence and 0 where there was none; "since" is seconds since the last
    occurrence, NaN before the first one that the matrix knows. A missing sample stays missing.
    """
    rows = [row for row, variable in enumerate(matrix.variables) if signals[variable.signal].encode != "count"]
    if not rows:
        return matrix
    values = matrix.values.copy()
    for row in rows:
        encode = _active if signals[matrix.variables[row].signal].encode == "active" else _since
        values[row] = encode(matrix.values[row], matrix.step)
    return Matrix(matrix.variables, matrix.start, matrix.step, values)


def _active(counts: Floats, _: int) -> Floats:
    return np.where(np.isnan(counts), np.nan, (counts > 0).astype(np.float64))


def _since(counts: Floats, step: int) -> Floats:
    columns = np.arange(counts.size)
    last = np.maximum.accumulate(np.where(counts > 0, columns, -1))
    since = (columns - last) * float(step)
    return np.where(np.isnan(counts) | (last < 0), np.nan, since)
