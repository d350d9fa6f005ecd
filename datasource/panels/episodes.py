"""Panel: anomaly episodes as annotation regions."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasource.anomaly.mechanisms.persistence import Persistence, persisting
from datasource.anomaly.roles import BREAKS
from datasource.evaluation import Snapshot, variable_labels
from datasource.panels.choices import ENTITY, SIGNAL
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.series import inside, wanted_variables
from datasource.telemetry import Entity, Floats

_MOST = 200
_SHOWN = 3


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame of regions in which a variable's causal score persisted above 1, and of quiet times."""
    persistence = snapshot.settings.anomaly.persistence
    times = snapshot.matrix.times
    rows: list[_Region] = []
    variables, quiet_times = wanted_variables(query, snapshot), snapshot.quiet_times
    for variable in variables:
        prediction = snapshot.predict(variable)
        if prediction is None or snapshot.roles.role(variable) not in BREAKS:
            continue
        shown = inside(query, times)
        score = np.where(shown & ~quiet_times.quiet_at(variable, times), prediction.score, np.nan)
        for first, last in _regions(score, Persistence(persistence.points, persistence.of)):
            peak = float(np.nanmax(score[first : last + 1]))
            labels = tuple(variable_labels(variable).values())
            text = f"causal anomaly score up to {peak:.1f}"
            rows.append(_Region(int(times[first]), int(times[last]), str(variable), "broke", text, labels, peak))
    rows = sorted(rows, key=lambda row: -row.peak)[:_MOST]
    rows += _quiet_regions(query, snapshot, sorted({variable.entity for variable in variables}))
    fields = (
        Field("time", "time", [row.start * 1000 for row in rows]),
        Field("timeEnd", "time", [row.end * 1000 for row in rows]),
        Field("title", "string", [f"{row.who} {row.what}" for row in rows]),
        Field("text", "string", [row.text for row in rows]),
        Field("tags", "string", [",".join(row.tags) for row in rows]),
        Field("id", "string", [f"{row.who}@{row.start}" for row in rows]),
    )
    return [Frame("episodes", fields)]


class _Region(NamedTuple):
    start: int
    end: int
    who: str
    what: str
    text: str
    tags: tuple[str, ...]
    peak: float = 0.0


def _quiet_regions(query: Query, snapshot: Snapshot, entities: Sequence[Entity]) -> list[_Region]:
    """The newest quiet times of these entities within what the panel shows."""
    found = []
    for block in snapshot.settings.quiet_times:
        own = [entity for entity in entities if block in snapshot.quiet_times.of(entity)]
        names = [str(entity) for entity in own]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        who = f"{', '.join(names[:_SHOWN])}{more}" if block.entities else "everything"
        tags = ("quiet", *names[:_SHOWN])
        for start, end in block.spans(query.start, query.end) if own else ():
            text = f"no alarms from {block.shown(start, end)} to {block.shown(end, end)}"
            found.append(_Region(int(start), int(end), who, f"quiet: {block.reason}", text, tags))
    return sorted(found, key=lambda row: -row.start)[:_MOST]


def _regions(score: Floats, persistence: Persistence) -> list[tuple[int, int]]:
    """First and last index of every stretch in which the score persists above 1."""
    on = np.concatenate([[False], persisting(score, persistence) > 1, [False]])
    regions = []
    for first, stop in np.flatnonzero(on[1:] != on[:-1]).reshape(-1, 2).tolist():
        begins = max(0, first - persistence.of + 1)
        inner = np.flatnonzero(score[begins:stop] > 1) + begins
        regions.append((int(inner[0]), int(inner[-1])))
    return regions


PANEL = Panel("episodes", "Anomaly episodes (annotations)", frames, (ENTITY, SIGNAL))
