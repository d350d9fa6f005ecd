"""Panel: anomaly scores over time, one series a variable."""

from datasource.panels.choices import ENTITY, SCORE, SIGNAL
from datasource.panels.frame import Field, Frame, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel
from datasource.panels.series import inside, shown_variables, thin
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
    """One frame a variable: time and score, the maximum where points are thinned."""
    kind = query.one("score", "causal")
    if kind not in _NAMES:
        raise QueryError(f"score '{kind}' is unknown; use 'causal' or 'marginal'")
    variables, notices = shown_variables(query, snapshot, _MOST)
    found: list[Frame] = []
    for variable in variables:
        prediction = snapshot.predict(variable, marginal=kind == "marginal")
        if prediction is None:
            continue
        shown = inside(query, snapshot.matrix.times)
        times, (score,) = thin(snapshot.matrix.times[shown], [("max", prediction.score[shown])], query.max_points)
        config = _CONFIG | {"displayNameFromDS": str(variable)}
        value = Field(_NAMES[kind], "number", score, variable_labels(variable), config)
        found.append(Frame(str(variable), (time_field(times), value), notices if not found else ()))
    return found


PANEL = Panel("anomaly_score", "Anomaly score", frames, (ENTITY, SIGNAL, SCORE))
