"""What it means that a sample is not there: of failures, where there is load, that there were none."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Entity, Variable
from datasource.settings import Signal


class Known(NamedTuple):
    """Of a signal: up to when (seconds) what is not there is known not to be there, and the times (first, last) at
    which that is doubtful, because an answer was partial or its series could not be told apart."""

    until: float
    doubtful: tuple[tuple[int, int], ...] = ()

    def at(self, times: NDArray[np.int64]) -> NDArray[np.bool_]:
        """At which of these times an absent sample is none."""
        known: NDArray[np.bool_] = times <= self.until
        for first, last in self.doubtful:
            known &= (times < first) | (times > last)
        return known


EVERYTHING = Known(np.inf)
NOTHING = Known(-np.inf)


def known_of(signal: str, known: Mapping[str, Known] | None) -> Known:
    """What is known of a signal's absent samples: everything where nobody reads (None), nothing of one never read."""
    return EVERYTHING if known is None else known.get(signal, NOTHING)


def count_absent_failures(
    matrix: Matrix, signals: Mapping[str, Signal], known: Mapping[str, Known] | None = None
) -> Matrix:
    """The matrix with zero failures where a signal with role `failure` has no sample and its entity has load.

    The usual query of errors has no series until the first error. So a failure also becomes a variable of every entity
    of its type that has load, all zeros, on which a mechanism is fitted and by which the first failure is judged. Load
    is a finite value, 0 or more, of a signal with role `load` of the same entity; of a call, of the same `end` where
    that has any. Where the load itself has no sample, or `known` says that nothing is, a failure stays unknown (NaN).
    The same matrix when nothing is to be counted.
    """
    rows = _by_entity(matrix)
    filled: dict[int, NDArray[np.bool_]] = {}
    added: dict[Variable, NDArray[np.bool_]] = {}
    for name, loads in _with_load(signals):
        readable = known_of(name, known).at(matrix.times)
        if not readable.any():
            continue
        for entity, own in rows.items():
            there = [own[load] for load in loads if load in own]
            if entity.type != signals[name].entity or not there:
                continue
            row = own.get(name)
            silent = readable if row is None else readable & np.isnan(matrix.values[row])
            if silent.any():
                silent = silent & (matrix.values[there] >= 0).any(axis=0)
            if not silent.any():
                continue
            if row is None:
                added[Variable(entity, name)] = silent
            else:
                filled[row] = silent
    if not filled and not added:
        return matrix
    values = np.empty((len(matrix.variables) + len(added), matrix.values.shape[1]))
    values[: len(matrix.variables)] = matrix.values
    values[len(matrix.variables) :] = np.nan
    for row, silent in (*filled.items(), *enumerate(added.values(), len(matrix.variables))):
        values[row, silent] = 0.0
    return Matrix((*matrix.variables, *added), matrix.start, matrix.step, values)


def absence_notices(
    matrix: Matrix, signals: Mapping[str, Signal], known: Mapping[str, Known] | None = None
) -> tuple[str, ...]:
    """What an operator should know of failures that have no samples; `matrix` is as it was read."""
    there = {variable.signal for variable in matrix.variables}
    with_load = dict(_with_load(signals))
    read = [name for name, one in signals.items() if one.role == "failure" and known_of(name, known) != NOTHING]
    found = [_unseen(name) for name in read if name not in there and there.intersection(with_load.get(name, ()))]
    for name in read:
        loads = with_load.get(name, ())
        if name in there and not there.intersection(loads) and _has_gaps(matrix, name):
            why = f"signal '{loads[0]}' has none" if loads else f"'{signals[name].entity}' has no signal of role load"
            found.append(
                f"signal '{name}': where it has no sample, failures are unknown and not zero, since {why}; "
                "measure the load, or add 'or 0 * ...' to the query"
            )
        if loads and known_of(name, known).doubtful:
            found.append(
                f"signal '{name}': where its answer was partial or ambiguous, no sample is unknown, not zero failures"
            )
    return tuple(found)


def _unseen(signal: str) -> str:
    return f"signal '{signal}' has no series anywhere: counted as zero failures where there is load; check the query"


def _with_load(signals: Mapping[str, Signal]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each signal of failures, with the signals of its entity's load: at its own end of a call where there are any."""
    for name, signal in signals.items():
        if signal.role != "failure":
            continue
        loads = {other: one.end for other, one in signals.items() if one.role == "load" and one.entity == signal.entity}
        near = tuple(other for other, end in loads.items() if end == signal.end)
        if loads:
            yield name, near or tuple(loads)


def _by_entity(matrix: Matrix) -> dict[Entity, dict[str, int]]:
    found: dict[Entity, dict[str, int]] = {}
    for row, variable in enumerate(matrix.variables):
        found.setdefault(variable.entity, {})[variable.signal] = row
    return found


def _has_gaps(matrix: Matrix, signal: str) -> bool:
    rows: list[Floats] = [
        matrix.values[row] for row, variable in enumerate(matrix.variables) if variable.signal == signal
    ]
    return any(bool(np.isnan(row).any()) for row in rows)
