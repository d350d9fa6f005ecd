"""Which series are counters as they stand: they tell what was since some start, and only grow."""

import re
from collections.abc import Iterator, Mapping

import numpy as np

from datasource.data.matrix import Floats, Matrix
from datasource.data.variable import Entity
from datasource.settings import Signal

_RESETS = 0.01
"""A counter falls, when its process starts anew, at so small a share of its points at most."""
_RISES = 0.2
"""What rises at so large a share of its points and never falls is a counter, whatever its name."""
_FEW_RISES = 4
"""Who counts what seldom happens rises so often at least; what is no counter would have fallen between."""
_FEWEST = 30
"""So few points of an entity say nothing about their kind."""
_FALLS_AGAIN = ("load", "work", "failure", "success", "latency", "event", "activity")
_COUNTED = ("load", "work", "failure", "success", "event", "activity")
_NAME = re.compile(r"(?:^|[_.: ])(?:total|count|sum|bucket)$")
_TOTAL = re.compile(r"[_.: ]total$")


def is_counter_name(name: str) -> bool:
    """Whether a metric or column is a counter by its name.

    >>> is_counter_name("http_requests_total"), is_counter_name("job:http_requests_total:rate5m")
    (True, False)
    """
    return bool(_NAME.search(name.lower()))


def is_total_name(name: str) -> bool:
    """Whether it is a counter by a name that nothing else has: `pg_stat_activity_count` is a gauge."""
    return bool(_TOTAL.search(name.lower()))


def must_fall(signal: Signal) -> bool:
    """Whether what a signal claims to be falls as often as it rises."""
    return signal.role in _FALLS_AGAIN or signal.kind in ("rate", "event")


def growing(signal: Signal, rows: Mapping[Entity, Floats], counter: str = "") -> list[Entity]:
    """The entities of which a signal only grows, if that is so of most of those for whom it changes at all; `counter`
    is the name by which it is one."""
    moving = {entity: row for entity, row in rows.items() if np.nanmax(row) > np.nanmin(row)}
    found = [entity for entity, row in moving.items() if _only_grows(row, signal, counter)]
    return found if 2 * len(found) > len(moving) else []


def counter_notices(signals: Mapping[str, Signal], *matrices: Matrix) -> Iterator[str]:
    """Of signals that are read from files: which are counters, in a sentence each with what to do."""
    for name, signal in signals.items():
        counter = next((one for one in (signal.query, name) if is_counter_name(one)), "")
        for matrix in matrices:
            rows = {v.entity: matrix.row(v) for v in matrix.variables if v.signal == name}
            rows = {entity: row for entity, row in rows.items() if np.isfinite(row).sum() >= _FEWEST}
            if rows and (grows := growing(signal, rows, counter)):
                yield (
                    f"{name} only grows, of {min(map(str, grows))}, as a counter does: a count since some start is no "
                    "signal; write its growth per second, as Prometheus' rate() gives it"
                )
                break


def _only_grows(row: Floats, signal: Signal, counter: str) -> bool:
    """Whether a series only grows, but for resets; where it may well do so, only if it is a `counter` by name."""
    values = row[np.isfinite(row)]
    changes = np.diff(values)
    rises, falls = int((changes > 0).sum()), changes < 0
    if values.min() < 0 or falls.sum() > max(1.0, _RESETS * changes.size) or not rises:
        return False
    if (values[1:][falls] > values[:-1][falls] / 2).any() and not counter:
        return False
    if is_total_name(counter) or (counter and rises >= _FEW_RISES):
        return True
    if must_fall(signal) and rises >= _RISES * changes.size:
        return True
    few = 2 if signal.role == "event" else _FEW_RISES  # what happens is over in the next step
    return signal.role in _COUNTED and rises >= few and int(falls.sum()) * _FEW_RISES <= rises
