"""Panel: when an effect arrives: by lag, and added up."""

import numpy as np

from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import chosen, name_of, unit_of, waiting, warnings
from datasource.panels.frame import Field, Frame, Style, band, line, notice_frame
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot, effect_labels


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame for one effect, for Grafana's trend panel: the lag in steps, then the effect with its band at that lag
    and the sum of all effects so far. The last sum is the total effect."""
    if missing := waiting(snapshot):
        return missing
    every = chosen(query, snapshot)
    results = [result for result in every if result.per_lag]
    if not results:
        return [notice_frame("this effect's method tells no lags apart")] if every else []
    result = results[0]
    lags = np.arange(len(result.per_lag))
    values, lower, upper = np.array([(one.value, one.lower, one.upper) for one in result.per_lag]).T
    told = (
        f"Effect of one unit more of {result.treatment} on {result.outcome} after so many steps; in all "
        f"{result.effect.value:.4g} (95% interval {result.effect.lower:.4g} to {result.effect.upper:.4g})."
    )
    style = Style(effect_labels(result), {"unit": unit_of(snapshot, result.outcome), "description": told})
    step = snapshot.matrix.step
    fields = (
        Field("lag", "number", lags, config={"description": f"Steps of {step} s.", "decimals": 0}),
        line("causal_effect_lag", "effect at this lag", values, style),
        *band("causal_effect_lag_lower", "causal_effect_lag_upper", lower, upper, style),
        line("causal_effect_cumulative", "effect so far", np.cumsum(values), style, dashed=True),
        Field("seconds", "number", lags * step, config={"unit": "s", "description": "The lag in seconds.", **_HIDDEN}),
    )
    notices = warnings(result)
    if len(results) > 1:
        notices = (f"{len(results)} effects, the first is shown; choose one", *notices)
    return [Frame(name_of(result), fields, notices)]


_HIDDEN = {"custom": {"hideFrom": {"legend": True, "tooltip": False, "viz": True}}}

PANEL = Panel("lag_response", "Lag response", frames, (EFFECT,))
