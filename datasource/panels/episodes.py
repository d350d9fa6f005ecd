"""Panel: anomaly episodes as annotation regions."""

import numpy as np

from datasource.anomaly.mechanisms.persistence import Persistence, persisting
from datasource.anomaly.roles import BREAKS
from datasource.evaluation import Snapshot, variable_labels
from datasource.panels.choices import ENTITY, SIGNAL
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.series import inside, wanted_variables
from datasource.telemetry import Floats

_MOST = 200


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame of regions in which a variable's causal score persisted above 1."""
    persistence = snapshot.settings.anomaly.persistence
    times = snapshot.matrix.times
    rows: list[tuple[int, int, str, tuple[str, ...], float]] = []
    for variable in wanted_variables(query, snapshot):
        prediction = snapshot.predict(variable)
        if prediction is None or snapshot.roles.role(variable) not in BREAKS:
            continue
        shown = inside(query, times)
        score = np.where(shown, prediction.score, np.nan)
        for first, last in _regions(score, Persistence(persistence.points, persistence.of)):
            peak = float(np.nanmax(score[first : last + 1]))
            labels = tuple(variable_labels(variable).values())
            rows.append((int(times[first]), int(times[last]), str(variable), labels, peak))
    rows = sorted(rows, key=lambda row: -row[4])[:_MOST]
    fields = (
        Field("time", "time", [row[0] * 1000 for row in rows]),
        Field("timeEnd", "time", [row[1] * 1000 for row in rows]),
        Field("title", "string", [f"{row[2]} broke" for row in rows]),
        Field("text", "string", [f"causal anomaly score up to {row[4]:.1f}" for row in rows]),
        Field("tags", "string", [",".join(row[3]) for row in rows]),
        Field("id", "string", [f"{row[2]}@{row[0]}" for row in rows]),
    )
    return [Frame("episodes", fields)]


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
