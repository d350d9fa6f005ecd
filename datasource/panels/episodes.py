"""Panel: anomaly episodes as annotation regions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from datasource.anomaly.persistence import Persistence
from datasource.data import Entity, Floats, Variable
from datasource.data.roles import BREAKS
from datasource.panels.choices import ENTITY, SIGNAL
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.series import inside, wanted_variables
from datasource.service import Snapshot, entity_labels, variable_labels

_MOST = 200
_SHOWN = 3


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame of regions in which a variable's causal score was an alarm, or only the joint score of an entity was,
    and of quiet times."""
    persistence = Persistence(snapshot.settings.anomaly.persistence.points, snapshot.settings.anomaly.persistence.of)
    times = snapshot.matrix.times
    rows: list[_Region] = []
    variables, quiet_times = wanted_variables(query, snapshot), snapshot.quiet_times
    shown = inside(query, times)

    def heard(variable: Variable) -> Floats | None:
        """Its causal score in the time shown, outside of quiet times."""
        prediction = snapshot.predict(variable)
        if prediction is None:
            return None
        return np.where(shown & ~quiet_times.quiet_at(variable, times), prediction.score, np.nan)

    for variable in variables:
        score = heard(variable) if snapshot.roles.role(variable) in BREAKS else None
        if snapshot.mechanisms is None or score is None:
            continue
        height = snapshot.mechanisms.causal[variable].persists(score, persistence)
        for first, last in _regions(score, height, persistence.of):
            peak = float(np.nanmax(score[first : last + 1]))
            start, end, labels = int(times[first]), int(times[last]), tuple(variable_labels(variable).values())
            text = f"causal anomaly score up to {peak:.1f}"
            rows.append(_Region(start, end, str(variable), "broke", text, labels, peak, variable.entity))
    rows += _joint_regions(snapshot, variables, heard, rows)
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


_NEAR = 31 * 86400


class _Region(NamedTuple):
    start: int
    end: int
    who: str
    what: str
    text: str
    tags: tuple[str, ...]
    peak: float = 0.0
    entity: Entity | None = None


def _joint_regions(
    snapshot: Snapshot,
    variables: Sequence[Variable],
    heard: Callable[[Variable], Floats | None],
    alone: Sequence[_Region],
) -> list[_Region]:
    """When several signals of an entity were an anomaly only together: where no region of a variable is near."""
    times, found = snapshot.matrix.times, []
    apart = snapshot.settings.anomaly.persistence.of * snapshot.matrix.step
    joint = snapshot.mechanisms.joint if snapshot.mechanisms else {}
    for entity in sorted({variable.entity for variable in variables} & joint.keys()):
        unknown = np.full(times.size, np.nan)
        known = [heard(variable) for variable in joint[entity].variables]
        score = joint[entity].score([unknown if one is None else one for one in known])
        own = [row for row in alone if row.entity == entity]
        for first, last in _regions(score, np.nan_to_num(score), 1):
            start, end = int(times[first]), int(times[last])
            if any(row.start - apart <= end and start <= row.end + apart for row in own):
                continue
            peak = float(np.nanmax(score[first : last + 1]))
            text = f"joint anomaly score up to {peak:.1f}: several signals were a little off together"
            found.append(_Region(start, end, str(entity), "broke", text, tuple(entity_labels(entity).values()), peak))
    return found


def _quiet_regions(query: Query, snapshot: Snapshot, entities: Sequence[Entity]) -> list[_Region]:
    """The newest quiet times of these entities within what the panel shows, as far as that is near the newest point."""
    first, last = max(query.start, snapshot.time - _NEAR), min(query.end, snapshot.time + _NEAR)
    found = []
    for block in snapshot.settings.quiet_times:
        own = [entity for entity in entities if block in snapshot.quiet_times.of(entity)]
        names = [str(entity) for entity in own]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        who = f"{', '.join(names[:_SHOWN])}{more}" if block.entities else "everything"
        tags = ("quiet", *names[:_SHOWN])
        for start, end in block.spans(first, last) if own and first <= last else ():
            text = f"no alarms from {block.shown(start, end)} to {block.shown(end, end)}"
            found.append(_Region(int(start), int(end), who, f"quiet: {block.reason}", text, tags))
    return sorted(found, key=lambda row: -row.start)[:_MOST]


def _regions(score: Floats, height: Floats, of: int) -> list[tuple[int, int]]:
    """Index of the first and the last score above 1 of every stretch of alarms: where the `height`, of the last `of`
    scores, is above 1."""
    on = np.concatenate([[False], height > 1, [False]])
    regions = []
    for first, stop in np.flatnonzero(on[1:] != on[:-1]).reshape(-1, 2).tolist():
        begins = max(0, first - of + 1)
        inner = np.flatnonzero(score[begins:stop] > 1) + begins
        regions.append((int(inner[0]), int(inner[-1])))
    return regions


PANEL = Panel("episodes", "Anomaly episodes (annotations)", frames, (ENTITY, SIGNAL))
