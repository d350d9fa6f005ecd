"""Panel: anomaly scores over time, one series a variable."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats
from datasource.panels.choices import ENTITY, SCORE, SIGNAL
from datasource.panels.frame import Field, Frame, notice_frame, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.panels.series import shown_variables, thin
from datasource.service import Snapshot, variable_labels

_MOST = 200
_NAMES = {"causal": "causal_anomaly_score", "marginal": "causal_marginal_anomaly_score"}
_CONFIG = {
    "unit": "short",
    "decimals": 2,
    "min": 0,
    "description": "Gap to the expected value over its interval; above 1 is an anomaly.",
    "thresholds": {
        "mode": "absolute",
        "steps": [{"color": "green", "value": None}, {"color": "red", "value": 1}],
    },
}


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame a variable: time and score, the maximum where points are thinned. With `only` "anomalous" those that
    are above 1 within the panel's time, and the highest of all."""
    kind = query.one("score", "causal")
    if kind not in _NAMES:
        raise QueryError(f"score '{kind}' is unknown; use 'causal' or 'marginal'")
    only = query.one("only", "all")
    if only not in dict(_ONLY):
        raise QueryError(f"only '{only}' is unknown; use 'all' or 'anomalous'")
    few = only == "anomalous"
    variables, notices = shown_variables(query, snapshot, len(snapshot.matrix.variables) if few else _MOST)
    highest: tuple[NDArray[np.int64], Floats] | None = None
    found: list[Frame] = []
    above = 0

    def drawn(name: str, times: NDArray[np.int64], score: Floats, labels: dict[str, str]) -> Frame:
        seconds, (thinned,) = thin(times, [("max", score)], query.max_points)
        value = Field(_NAMES[kind], "number", thinned, labels, _CONFIG | {"displayNameFromDS": name})
        return Frame(name, (time_field(seconds), value))

    predicted = snapshot.predict_between(variables, query.start, query.end, marginal=kind == "marginal")
    for variable, times, prediction in predicted:
        score = prediction.score
        highest = times, score if highest is None else np.fmax(highest[1], score)
        above += bool((score > 1).any())
        if len(found) < _MOST and (not few or (score > 1).any()):
            found.append(drawn(str(variable), times, score, variable_labels(variable)))
    if few and highest is not None:
        if above > len(found):
            notices = (*notices, f"{above} are above 1; the first {len(found)} are shown")
        found.append(drawn("highest of all", *highest, {}))
    if not found:
        return [notice_frame("nothing is known of this time")] if variables else []
    return [replace(found[0], notices=tuple(notices)), *found[1:]]


_ONLY = [("all", "all that are chosen"), ("anomalous", "those above 1, and the highest of all")]

PANEL = Panel(
    "anomaly_score", "Anomaly score", frames, (ENTITY, SIGNAL, SCORE, Parameter("only", "Only", lambda _: _ONLY))
)
