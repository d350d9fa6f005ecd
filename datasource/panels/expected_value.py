"""Panel: what a variable is, and what it should be given its causes, with the band between."""

import numpy as np

from datasource.anomaly import Prediction
from datasource.data import Variable
from datasource.panels.choices import ENTITY, SCORE, SIGNAL
from datasource.panels.frame import Frame, Style, band, line, notice_frame, time_field, unit
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.series import inside, shown_variables, thin
from datasource.service import Snapshot, variable_labels

_MOST = 20


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame a variable: time, observed, expected, and the band of the expected value; what is observed alone while
    the baseline warms up."""
    if snapshot.mechanisms is None and not snapshot.matrix.variables:
        return [notice_frame(snapshot.warming_up)]
    variables, notices = shown_variables(query, snapshot, _MOST)
    if snapshot.mechanisms is None:
        notices = (*notices, snapshot.warming_up)
    found: list[Frame] = []
    for variable in variables:
        prediction = _observed(snapshot, variable) or snapshot.predict(
            variable, marginal=query.one("score", "causal") == "marginal"
        )
        if prediction is None:
            continue
        shown = inside(query, snapshot.matrix.times)
        unknown = np.isnan(prediction.observed)
        columns = [prediction.observed]
        columns += [np.where(unknown, np.nan, c) for c in (prediction.expected, prediction.lower, prediction.upper)]
        times, values = thin(snapshot.matrix.times[shown], [("mean", c[shown]) for c in columns], query.max_points)
        observed, expected, lower, upper = values
        style = Style(
            variable_labels(variable),
            {"unit": unit(snapshot.settings.signals[variable.signal].unit)},
            f"{variable} " if len(variables) > 1 else "",
        )
        fields = (
            time_field(times),
            line("causal_observed_value", "observed", observed, style),
            line("causal_expected_value", "expected", expected, style, dashed=True),
            *band("causal_expected_lower", "causal_expected_upper", lower, upper, style),
        )
        found.append(Frame(str(variable), fields, () if found else notices))
    return found


def _observed(snapshot: Snapshot, variable: Variable) -> Prediction | None:
    """What is measured, with nothing expected yet; None once there are mechanisms."""
    if snapshot.mechanisms is not None:
        return None
    observed = snapshot.matrix.row(variable)
    nothing = np.full_like(observed, np.nan)
    return Prediction(observed, *(nothing,) * (len(Prediction._fields) - 1))


PANEL = Panel("expected_value", "Expected value", frames, (ENTITY, SIGNAL, SCORE), needs_mechanisms=False)
