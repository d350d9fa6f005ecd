"""Panel: what was treated beside what it would have been, over time or by steps since the intervention."""

import numpy as np
from numpy.typing import NDArray

from datasource.effects import EffectResult
from datasource.effects.result import Comparison
from datasource.evaluation import Snapshot, effect_labels
from datasource.panels.choices import IMPACT, comparisons
from datasource.panels.effect_results import name_of, unit_of, warnings
from datasource.panels.frame import Field, Frame, Style, band, line, notice_frame, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter

_VIEWS = [("comparison", "both groups and the counterfactual"), ("event_study", "event study")]
_NONE = "nothing is compared; add an intervention under 'impacts' in causal.yaml"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Of one comparison, by time: treated, control, and the counterfactual with its band, and an annotation where it
    began. As event study: the effect by steps since then, those before being placebos."""
    view = query.one("view", "comparison")
    if view not in dict(_VIEWS):
        raise QueryError(f"view '{view}' is unknown; use 'comparison' or 'event_study'")
    if snapshot.impacts is None and snapshot.settings.impacts and not comparisons(snapshot):
        return [notice_frame("the impacts are being computed")]
    found = [result for result in comparisons(snapshot) if query.passes(effect_labels(result))]
    found = query.wanted("impact", found, name_of)
    drawn = [result for result in found if result.comparison]
    if not drawn:
        said = [notice for result in found for notice in result.notices]
        return [notice_frame("; ".join(said) or _NONE)]
    result, notices = drawn[0], warnings(drawn[0])
    if len(drawn) > 1:
        notices = (f"{len(drawn)} comparisons, the first is shown; choose one", *notices)
    draw = _over_time if view == "comparison" else _event_study
    return draw(result, snapshot, notices)


def _over_time(result: EffectResult, snapshot: Snapshot, notices: tuple[str, ...]) -> list[Frame]:
    comparison = result.comparison
    assert comparison
    style = _style(result, snapshot)
    seconds = _seconds(comparison, snapshot)
    counterfactual = (comparison.counterfactual, comparison.lower, comparison.upper)
    values, lower, upper = counterfactual
    fields = (
        time_field(seconds),
        line("treated", "treated", comparison.treated, style),
        line("control", "control", comparison.control, style),
        line("counterfactual", "counterfactual", values, style, dashed=True),
        *band("counterfactual_lower", "counterfactual_upper", lower, upper, style),
    )
    began = seconds[np.flatnonzero(comparison.times >= comparison.began)[:1]]
    told = [f"average effect {_told(result)}"] * len(began)
    marks = (
        time_field(began),
        Field("title", "string", ["intervention"] * len(began)),
        Field("text", "string", told),
    )
    return [Frame(name_of(result), fields, notices), Frame("intervention", marks, meta={"dataTopic": "annotations"})]


def _event_study(result: EffectResult, snapshot: Snapshot, notices: tuple[str, ...]) -> list[Frame]:
    assert result.comparison
    study = sorted(result.comparison.event_study, key=lambda one: one[0])
    if not study:
        return [notice_frame(f"{result.method} has no event study; use difference_in_differences")]
    style = _style(result, snapshot)
    fields = (
        Field("steps since", "number", [steps for steps, _ in study], config={"decimals": 0}),
        line("effect", "effect", [one.value for _, one in study], style),
        *band("lower", "upper", [one.lower for _, one in study], [one.upper for _, one in study], style),
    )
    return [Frame(name_of(result), fields, notices)]


def _style(result: EffectResult, snapshot: Snapshot) -> Style:
    described = f"{result.outcome}, by {result.method}; average effect {_told(result)}."
    return Style(effect_labels(result), {"unit": unit_of(snapshot, result.outcome), "description": described})


def _told(result: EffectResult) -> str:
    assert result.comparison
    average = result.comparison.average
    if np.isnan(average.lower):
        return f"{average.value:.4g}, without an interval"
    return f"{average.value:.4g} (95% interval {average.lower:.4g} to {average.upper:.4g})"


def _seconds(comparison: Comparison, snapshot: Snapshot) -> NDArray[np.int64]:
    """Seconds since 1970 of places that count steps: since 1970, or up to the newest point."""
    matrix = snapshot.matrix
    places = comparison.times.astype(np.int64)
    if not places.size or places[-1] * matrix.step >= matrix.start:
        return places * matrix.step
    seconds: NDArray[np.int64] = matrix.end + (places - places[-1]) * matrix.step
    return seconds


PANEL = Panel(
    "difference_in_differences",
    "Difference in differences",
    frames,
    (IMPACT, Parameter("view", "View", lambda _: _VIEWS)),
    needs_mechanisms=False,
)
