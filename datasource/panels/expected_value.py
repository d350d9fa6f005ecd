"""Panel: what a variable is, and what it should be given its causes, with the band between."""

import numpy as np

from datasource.evaluation import Snapshot, variable_labels
from datasource.panels.choices import ENTITY, SCORE, SIGNAL
from datasource.panels.frame import Frame, Style, band, line, time_field, unit
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.panels.series import inside, shown_variables, thin

_MOST = 20


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame a variable: time, observed, expected, and the band of the expected value."""
    variables, notices = shown_variables(query, snapshot, _MOST)
    found: list[Frame] = []
    for variable in variables:
        prediction = snapshot.predict(variable, marginal=query.one("score", "causal") == "marginal")
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


PANEL = Panel("expected_value", "Expected value", frames, (ENTITY, SIGNAL, SCORE))
