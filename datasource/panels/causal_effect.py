"""Panel: the effect of a treatment on an outcome, the association beside it."""

from datasource.effects import EffectResult
from datasource.evaluation import Snapshot, effect_labels
from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import chosen, name_of, unit_name, waiting, warnings
from datasource.panels.frame import Field, Frame, Style, Values, band, line, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.panels.series import inside

_MOST = 50
_VIEWS = [("rolling", "over rolling windows"), ("estimate", "one estimate over the whole baseline")]


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame an effect, with its band and the association: over rolling windows, each point the estimate of
    the window that ends there, or the one estimate over the whole baseline, the same that is exported."""
    if missing := waiting(snapshot):
        return missing
    view = query.one("view", "rolling")
    if view not in dict(_VIEWS):
        raise QueryError(f"view '{view}' is unknown; use 'rolling' or 'estimate'")
    results = chosen(query, snapshot)
    draw = _rolling if view == "rolling" else _estimate
    return [draw(query, snapshot, result, len(results) > 1) for result in results[:_MOST]]


def _rolling(query: Query, snapshot: Snapshot, result: EffectResult, several: bool) -> Frame:
    series = result.series
    shown = inside(query, series.times)
    bounds = (series.effect[shown], series.effect_lower[shown], series.effect_upper[shown])
    fields = _fields("_rolling", snapshot, result, bounds, series.association[shown], several)
    return Frame(name_of(result), (time_field(series.times[shown]), *fields), warnings(result))


def _estimate(_: Query, snapshot: Snapshot, result: EffectResult, several: bool) -> Frame:
    bounds = ([result.effect.value], [result.effect.lower], [result.effect.upper])
    fields = _fields("", snapshot, result, bounds, [result.association.value], several)
    return Frame(name_of(result), (time_field([snapshot.time]), *fields), warnings(result))


def _fields(
    suffix: str,
    snapshot: Snapshot,
    result: EffectResult,
    effect: tuple[Values, Values, Values],
    association: Values,
    several: bool,
) -> tuple[Field, ...]:
    style = Style(
        effect_labels(result),
        {"unit": "short", "description": describe(result, snapshot)},
        f"{name_of(result)} " if several else "",
    )
    value, lower, upper = effect
    return (
        line(f"causal_effect{suffix}", "effect", value, style),
        *band(f"causal_effect_lower{suffix}", f"causal_effect_upper{suffix}", lower, upper, style),
        line(f"causal_association{suffix}", "association", association, style, dashed=True),
    )


def describe(result: EffectResult, snapshot: Snapshot) -> str:
    """How the number came about, in a sentence."""
    of, per = (unit_name(snapshot, variable) for variable in (result.outcome, result.treatment))
    adjusted = ", ".join(result.adjustment_set) or "nothing"
    return (
        f"Change of {result.outcome} ({of}) per unit of {result.treatment} ({per}), by {result.method}, "
        f"adjusted for {adjusted}; n = {result.n}."
    )


PANEL = Panel("causal_effect", "Causal effect", frames, (EFFECT, Parameter("view", "View", lambda _: _VIEWS)))
