"""Panel: the effect of a treatment on an outcome, the association beside it."""

from collections.abc import Sequence
from dataclasses import replace

from datasource.effects import EffectResult
from datasource.panels.choices import EFFECT
from datasource.panels.effect_results import (
    LIGHTS,
    chosen,
    light,
    name_of,
    ratio_unit,
    unit_of,
    verdict,
    waiting,
    warnings,
)
from datasource.panels.frame import Field, Frame, Style, Values, band, line, notice_frame, time_field
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.panels.series import inside
from datasource.service import Snapshot, effect_labels

_MOST = 50
_VIEWS = [
    ("rolling", "over rolling windows"),
    ("estimate", "one estimate over the whole baseline"),
    ("checks", "the checks of the estimate"),
]
_COLOURS = {"green": "green", "yellow": "yellow", "red": "red", "grey": "text"}


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame an effect, with its band and the association: over rolling windows, each point the estimate of
    the window that ends there, or the one estimate over the whole baseline, the same that is exported, in the colour
    of its checks. Or one table of the checks, what failed first."""
    if missing := waiting(snapshot):
        return missing
    view = query.one("view", "rolling")
    if view not in dict(_VIEWS):
        raise QueryError(f"view '{view}' is unknown; use 'rolling', 'estimate' or 'checks'")
    results = chosen(query, snapshot)
    if view == "checks":
        return _checks(results)
    draw = _rolling if view == "rolling" else _estimate
    drawn = [draw(query, snapshot, result, len(results) > 1) for result in results[:_MOST]]
    if len(results) > _MOST:
        said = f"{len(results)} effects, the first {_MOST} are shown; choose some"
        drawn[0] = replace(drawn[0], notices=(said, *drawn[0].notices))
    return drawn


def _rolling(query: Query, snapshot: Snapshot, result: EffectResult, several: bool) -> Frame:
    series = result.series
    shown = inside(query, series.times)
    bounds = (series.effect[shown], series.effect_lower[shown], series.effect_upper[shown])
    fields = _fields("_rolling", snapshot, result, bounds, series.association[shown], several)
    return Frame(name_of(result), (time_field(series.times[shown]), *fields), warnings(result))


def _estimate(_: Query, snapshot: Snapshot, result: EffectResult, several: bool) -> Frame:
    bounds = ([result.effect.value], [result.effect.lower], [result.effect.upper])
    value, *others = _fields("", snapshot, result, bounds, [result.association.value], several)
    colour = {"color": {"mode": "fixed", "fixedColor": _COLOURS[light(result)]}}
    value = replace(value, config={**value.config, **colour})
    shown = {"displayNameFromDS": f"{name_of(result)} checks" if several else "checks", "description": verdict(result)}
    checks = Field("checks", "string", [light(result)], effect_labels(result), {"mappings": LIGHTS, **shown})
    return Frame(name_of(result), (time_field([snapshot.time]), value, *others, checks), warnings(result))


def _checks(results: Sequence[EffectResult]) -> list[Frame]:
    found = [(result, check) for result in results for check in result.checks]
    if not found:
        return [notice_frame("no check could be made")] if results else []
    found.sort(key=lambda one: {False: 0, None: 1, True: 2}[one[1].passed])
    held = {None: "not made", True: "holds", False: "fails"}
    fields = (
        Field("effect of", "string", [name_of(result) for result, _ in found]),
        Field("check", "string", [check.name for _, check in found]),
        Field("verdict", "string", [held[check.passed] for _, check in found], config=_VERDICT),
        Field("what it says", "string", [check.text for _, check in found]),
    )
    return [Frame("checks", fields, meta={"preferredVisualisationType": "table"})]


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
        {"unit": unit_of(snapshot, result.outcome), "description": describe(result, snapshot)},
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
    adjusted = ", ".join(result.adjustment_set) or "nothing"
    return (
        f"Change of {result.outcome} for one unit more of {result.treatment}, in {ratio_unit(snapshot, result)}, by "
        f"{result.method}, adjusted for {adjusted}; n = {result.n}; {verdict(result)}."
    )


_VERDICT = {
    "mappings": [
        {
            "type": "value",
            "options": {
                "fails": {"color": "red", "index": 0},
                "not made": {"color": "text", "index": 1},
                "holds": {"color": "green", "index": 2},
            },
        }
    ],
    "custom": {"cellOptions": {"type": "color-text"}},
}

PANEL = Panel("causal_effect", "Causal effect", frames, (EFFECT, Parameter("view", "View", lambda _: _VIEWS)))
