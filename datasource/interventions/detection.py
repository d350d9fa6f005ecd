"""Interventions that signals tell of: rollouts, scalings, restarts and changes of configuration are events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from datasource.data import Matrix, Variable
from datasource.interventions.entry import DETECTED, Intervention
from datasource.settings import Signal

_USUAL_A_DAY = 3
"""What begins at an entity more often than this a day happens by itself, and is no intervention."""
_SAME = 600
"""Seconds by which somebody's own entry on a target and the signal's event may lie apart and still be the same."""
_DAY = 86400


class Detection(NamedTuple):
    """What is to be written of an event, under which key; `of` is the key of the entry whose end it is, or empty."""

    key: str
    said: Mapping[str, Any]
    of: str = ""


def detect(
    matrix: Matrix, signals: Mapping[str, Signal], written: Iterable[Intervention], after: int = 0
) -> Iterator[Detection]:
    """Every event that began after a time (seconds since 1970), and every end of one that is encoded as active.

    Somebody's own entry on the same entity at about the same time is the event itself. Pure: keys are the same
    whenever the same points are looked at.
    """
    own = [one for one in written if one.kind != DETECTED]
    for variable in matrix.variables:
        signal = signals[variable.signal]
        if signal.kind != "event" or signal.encode == "since":
            continue
        starts, ends = _changes(matrix, variable)
        if len(starts) > max(_USUAL_A_DAY, _USUAL_A_DAY * len(matrix.times) * matrix.step / _DAY):
            continue
        for start in starts:
            if start <= after or _said_by_somebody(own, variable, start):
                continue
            yield Detection(_key(variable, start), _said(variable, signal, start - matrix.step))
        for start, end in ends if signal.encode == "active" else ():
            if end > after and not _said_by_somebody(own, variable, start):
                yield Detection(f"{_key(variable, start)} end", {"end": end}, _key(variable, start))


def the_same(one: Intervention, other: Intervention) -> bool:
    """Whether a signal told of what somebody had written down."""
    kinds = {one.kind, other.kind}
    return (
        DETECTED in kinds
        and len(kinds) == 2
        and bool(set(one.targets) & set(other.targets))
        and abs(one.start - other.start) <= _SAME
    )


def _changes(matrix: Matrix, variable: Variable) -> tuple[list[int], list[tuple[int, int]]]:
    """When the event began (not at the first point, before which nothing is known), and its starts with their ends."""
    row = matrix.row(variable)
    on = np.nan_to_num(row) > 0
    began = np.flatnonzero(on[1:] & ~on[:-1] & np.isfinite(row[:-1])) + 1
    over = np.flatnonzero(~on[1:] & on[:-1] & np.isfinite(row[1:])) + 1
    times = matrix.times
    ends = [(int(times[start]), int(times[over[over > start][0]])) for start in began if (over > start).any()]
    return times[began].tolist(), ends


def _said(variable: Variable, signal: Signal, start: int) -> Mapping[str, Any]:
    said = {
        "kind": DETECTED,
        "targets": [str(variable.entity)],
        "start": start,
        "parameters": {"signal": variable.signal},
    }
    return said | ({"why": signal.description} if signal.description else {})


def _key(variable: Variable, start: int) -> str:
    return f"detected {variable} {start}"[-200:]


def _said_by_somebody(own: Sequence[Intervention], variable: Variable, start: int) -> bool:
    names = {str(variable.entity), variable.entity.plain, variable.entity.name, str(variable)}
    return any(names & set(one.targets) and abs(one.start - start) <= _SAME for one in own)
