"""Panel: what was treated beside what it would have been, over time or by steps since the intervention."""

import numpy as np

from datasource.effects import EffectResult
from datasource.panels.choices import IMPACT, comparisons
from datasource.panels.effect_results import name_of, unit_of, warnings
from datasource.panels.frame import Field, Frame, Style, band, line, notice_frame, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.panels.series import inside, thin
from datasource.service import Snapshot, effect_labels, impact_labels

_VIEWS = [
    ("comparison", "both groups and the counterfactual"),
    ("event_study", "event study"),
    ("estimate", "the impact as a number"),
]
_AROUND = 120
"""The event study shows so many steps before and after the start at most."""
_NONE = "nothing is compared; add an intervention under 'impacts' in causal.yaml"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Of one comparison, by time: treated, control, and the counterfactual with its band, and an annotation where it
    began. As event study: the effect by steps since then, those before being placebos. Or of every comparison the
    number that is exported, on average and summed over the points."""
    view = query.one("view", "comparison")
    if view not in dict(_VIEWS):
        raise QueryError(f"view '{view}' is unknown; use 'comparison', 'event_study' or 'estimate'")
    if snapshot.impacts is None and snapshot.settings.impacts and not comparisons(snapshot):
        return [notice_frame("the impacts are being computed")]
    found = [result for result in comparisons(snapshot) if query.passes(effect_labels(result))]
    found = query.wanted("impact", found, name_of)
    drawn = [result for result in found if result.comparison]
    if not drawn:
        said = [notice for result in found for notice in result.notices]
        return [notice_frame("; ".join(said) or _NONE)]
    if view == "estimate":
        exported = {result.outcome: result for result in snapshot.impacts or ()}
        return [_estimate(result, snapshot) for result in drawn if exported.get(result.outcome) is result]
    result, notices = drawn[0], warnings(drawn[0])
    if len(drawn) > 1:
        notices = (f"{len(drawn)} comparisons, the first is shown; choose one", *notices)
    if view == "event_study":
        return _event_study(result, snapshot, notices)
    return _over_time(query, result, snapshot, notices)


def _estimate(result: EffectResult, snapshot: Snapshot) -> Frame:
    assert result.comparison
    style, average, total = _style(result, snapshot), result.effect, result.comparison.cumulative
    summed = Style(style.labels, style.config, "summed ")
    fields: tuple[Field, ...] = (
        line("causal_impact", "impact", [average.value], style),
        *band("causal_impact_lower", "causal_impact_upper", [average.lower], [average.upper], style),
        line("causal_impact_cumulative", "impact", [total.value], summed),
        *band("causal_impact_cumulative_lower", "causal_impact_cumulative_upper", [total.lower], [total.upper], summed),
    )
    if predicted := result.comparison.predicted:
        foretold = Style(style.labels, style.config, "predicted ")
        fields += (
            line("causal_impact_predicted", "impact", [predicted.value], foretold),
            *band(
                "causal_impact_predicted_lower",
                "causal_impact_predicted_upper",
                [predicted.lower],
                [predicted.upper],
                foretold,
            ),
        )
    return Frame(name_of(result), (time_field([snapshot.time]), *fields), warnings(result))


def _over_time(query: Query, result: EffectResult, snapshot: Snapshot, notices: tuple[str, ...]) -> list[Frame]:
    comparison = result.comparison
    assert comparison
    style = _style(result, snapshot)
    every, start = snapshot.times_of(comparison)
    shown = inside(query, every)
    if not shown.any():
        return [notice_frame("the comparison lies outside the panel's time range")]
    lines = (comparison.treated, comparison.control, comparison.counterfactual, comparison.lower, comparison.upper)
    seconds, drawn = thin(every[shown], [("mean", one[shown]) for one in lines], query.max_points)
    treated, control, values, lower, upper = drawn
    fields = (
        time_field(seconds),
        line("treated", "treated", treated, style),
        line("control", "control", control, style),
        line("counterfactual", "counterfactual", values, style, dashed=True),
        *band("counterfactual_lower", "counterfactual_upper", lower, upper, style),
    )
    began = np.array([start] if seconds[0] <= start <= seconds[-1] else [], dtype=np.int64)
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
    near = [one for one in study if abs(one[0]) <= _AROUND]
    if len(near) < len(study):
        notices = (f"the {_AROUND} steps before and after the start are shown, of {len(study)}", *notices)
    study, style = near, _style(result, snapshot)
    fields = (
        Field("steps since", "number", [steps for steps, _ in study], config={"decimals": 0}),
        line("effect", "effect", [one.value for _, one in study], style),
        *band("lower", "upper", [one.lower for _, one in study], [one.upper for _, one in study], style),
    )
    return [Frame(name_of(result), fields, notices)]


def _style(result: EffectResult, snapshot: Snapshot) -> Style:
    described = f"{result.outcome}, by {result.method}; average effect {_told(result)}."
    return Style(impact_labels(result), {"unit": unit_of(snapshot, result.outcome), "description": described})


def _told(result: EffectResult) -> str:
    assert result.comparison
    average = result.comparison.average
    if np.isnan(average.lower):
        return f"{average.value:.4g}, without an interval"
    return f"{average.value:.4g} (95% interval {average.lower:.4g} to {average.upper:.4g})"


PANEL = Panel(
    "difference_in_differences",
    "Difference in differences",
    frames,
    (IMPACT, Parameter("view", "View", lambda _: _VIEWS)),
    needs_mechanisms=False,
)
