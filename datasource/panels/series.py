"""What the panels over time share: which variables, which times, how many points."""

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats, Variable
from datasource.panels.query import Query
from datasource.service import Snapshot, variable_labels
from datasource.settings import format_duration


def wanted_variables(query: Query, snapshot: Snapshot) -> list[Variable]:
    """The variables that the entity and signal parameters and the filters leave. Raises QueryError."""
    variables = [v for v in snapshot.matrix.variables if query.passes(variable_labels(v))]
    if query.takes_all("entity"):
        variables = [v for v in variables if v.entity.type != "call"] or variables
    entities = set(query.wanted("entity", sorted({v.entity for v in variables})))
    signals = set(query.wanted("signal", snapshot.settings.signals))
    return sorted(v for v in variables if v.entity in entities and v.signal in signals)


def inside(query: Query, times: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the times the panel shows."""
    shown: NDArray[np.bool_] = (times >= query.start) & (times <= query.end)
    return shown


def shown_variables(query: Query, snapshot: Snapshot, most: int) -> tuple[list[Variable], tuple[str, ...]]:
    """The wanted variables, at most `most` of them, and notices of what is not shown."""
    variables = wanted_variables(query, snapshot)
    notices = _outside_notice(query, snapshot)
    if len(variables) > most:
        notices += (f"{len(variables)} variables, the first {most} are shown; choose entities or signals",)
    return variables[:most], notices


def _outside_notice(query: Query, snapshot: Snapshot) -> tuple[str, ...]:
    """Says so when the panel begins before what is kept."""
    matrix = snapshot.matrix
    if query.start >= matrix.start - matrix.step:
        return ()
    kept = format_duration(min(snapshot.settings.baseline, snapshot.settings.full_resolution))
    return (f"the panel begins before the {kept} that are kept at full resolution; older points are not shown",)


def thin(
    times: NDArray[np.int64], columns: list[tuple[str, Floats]], most: int
) -> tuple[NDArray[np.int64], list[Floats]]:
    """At most `most` points: each is a bucket's last time, with its maximum ("max") or mean ("mean").

    The newest bucket is filled from the newest point backwards, so that the last point is never a partial one.
    """
    size = int(np.ceil(times.size / max(most, 1)))
    if size <= 1:
        return times, [values for _, values in columns]
    pad = -times.size % size
    thinned = []
    for how, values in columns:
        buckets = np.concatenate([np.full(pad, np.nan), values]).reshape(-1, size)
        empty = np.isnan(buckets).all(axis=1)
        safe = np.where(empty[:, None], 0.0, buckets)
        reduced = np.nanmax(safe, axis=1) if how == "max" else np.nanmean(safe, axis=1)
        thinned.append(np.where(empty, np.nan, reduced))
    return times[size - 1 - pad :: size], thinned
