"""How an event enters the matrix: as a count, as "active", or as the time since it last happened."""

from collections.abc import Mapping

import numpy as np

from datasource.data.absence import Known, count_absent_failures, known_of
from datasource.data.matrix import Floats, Matrix
from datasource.settings import Signal
from datasource.settings.model import LOGS


def encode_events(matrix: Matrix, signals: Mapping[str, Signal], known: Mapping[str, Known] | None = None) -> Matrix:
    """The matrix as analyses see it: absent failures counted, and every event signal encoded as its settings say.

    "active" is 1 where there was any occurrence and 0 where there was none; "since" is seconds since the last
    occurrence, NaN before the first one that the matrix knows. A missing sample stays missing, but for two: failures of
    an entity that has load (see `count_absent_failures`), and events counted in logs, since they answer with nothing
    where no line matched, and that is none, from the first sample of anything on. Both where `known` says so; without
    it, nobody read the matrix, and everything in it is known. The same matrix when nothing changes.
    """
    matrix = count_absent_failures(matrix, signals, known)
    changed = {
        row: signals[variable.signal]
        for row, variable in enumerate(matrix.variables)
        if signals[variable.signal].encode != "count" or _counts_lines(signals[variable.signal])
    }
    if not changed:
        return matrix
    values = matrix.values.copy()
    begun = np.logical_or.accumulate(np.isfinite(values).any(axis=0))
    for row, signal in changed.items():
        counts = values[row]
        if _counts_lines(signal):
            none = known_of(matrix.variables[row].signal, known).at(matrix.times)
            counts = np.where(np.isnan(counts) & begun & none, 0.0, counts)
        values[row] = _ENCODINGS[signal.encode](counts, matrix.step)
    return Matrix(matrix.variables, matrix.start, matrix.step, values)


def _counts_lines(signal: Signal) -> bool:
    return signal.source in LOGS and signal.kind == "event"


def _count(counts: Floats, _: int) -> Floats:
    return counts


def _active(counts: Floats, _: int) -> Floats:
    return np.where(np.isnan(counts), np.nan, (counts > 0).astype(np.float64))


def _since(counts: Floats, step: int) -> Floats:
    columns = np.arange(counts.size)
    last = np.maximum.accumulate(np.where(counts > 0, columns, -1))
    since = (columns - last) * float(step)
    return np.where(np.isnan(counts) | (last < 0), np.nan, since)


_ENCODINGS = {"count": _count, "active": _active, "since": _since}
