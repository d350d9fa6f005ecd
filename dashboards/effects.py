"""Effects: what causes what, and how much of it can be believed."""

from board import annotations, dashboard, datasource_variable
from fields import P_VALUE, Json, band, colored_text, line, named_values, override, transform, widths
from parts import SCORE, lay_out, row, series, table, trend
from promql import (
    ELSEWHERE,
    ENTITY,
    SOURCE,
    UNITS,
    columns,
    entity_variables,
    incident_regions,
    intervention_regions,
    merged,
    of_treatment,
    over_time,
    readable,
    rows_now,
    unit_from,
)

MISSED = (
    f"abs(causal_association{{{ENTITY}}} @ end() - causal_effect{{{ENTITY}}} @ end())"
    f" / (causal_effect_upper{{{ENTITY}}} @ end() - causal_effect_lower{{{ENTITY}}} @ end())"
)
"""By how many widths of its interval each effect on the entities chosen is missed by its association."""

MISLEADING = f"topk(1, {MISSED})"
"""Of the effects on the entities chosen the one that its association misses most."""

MISLEADING_OVER_LAGS = f"topk(1, {MISSED} and ignoring (lag) causal_effect_lag{{{ENTITY}}} @ end())"
"""The same among the effects that are told apart by lag."""


NO_EFFECTS = "No effects yet: none are configured, or the first fit is not done"


def on_prometheus() -> Json:
    """Needs no plugin."""
    return dashboard(
        "effects",
        "",
        "What causes what, beside what a dashboard would make one believe, and whether it can be believed.",
        annotations=annotations(incident_regions(), intervention_regions()),
        templating={"list": [datasource_variable(SOURCE["type"]), *entity_variables()]},
        panels=lay_out([*effects(), *effects_in_detail()]),
    )


WHAT = ("treatment", "outcome", "service", "namespace")
"""The columns that say of which effect a row is, after its numbers."""


def effects() -> list[Json]:
    """What causes what, beside what a dashboard would make one believe."""
    estimates = ("causal_effect", "causal_effect_lower", "causal_effect_upper", "causal_association")
    failed = f"count without (check) (causal_effect_check{{{ENTITY}}} == 0) or causal_effect{{{ENTITY}}} * 0"
    asked = [readable(f"{name}{{{ENTITY}}}") for name in estimates]
    asked += [readable(one, number=False) for one in (f"causal_effect_p_value{{{ENTITY}}}", failed)]
    names = ("effect", "lower", "upper", "association", "p-value", "checks failed")
    renamed = {f"Value #{letter}": name for letter, name in zip("ABCDEF", names, strict=True)}
    return [
        table(
            "Effects beside their associations",
            "By how much the outcome changes with one unit more of the treatment: caused by it (effect, with its "
            "95% interval), and as a dashboard shows it (association), in these units per unit of the treatment; the "
            "p-value of there being no effect, and how many of its checks fail.",
            merged(of_treatment(one) for one in asked),
            width=24,
            height=10,
            noValue=NO_EFFECTS,
            transformations=[
                transform("merge"),
                columns("job", "instance", *ELSEWHERE, order=(*WHAT, "unit", *renamed), **renamed, unit="in"),
            ],
            overrides=[
                *widths(treatment=210, effect=90, lower=90, upper=90, association=100),
                override("in", mappings=UNITS, custom__width=80),
                override("p-value", **P_VALUE, custom__width=85),
                override("checks failed", **colored_text(thresholds=SCORE, decimals=0, custom__width=115)),
            ],
        ),
        series(
            "The effect that its association misses most",
            "Of the effects above, the one whose association lies the most interval widths away; choose a service to "
            "see another one. Drawn over the evaluations, each over the whole baseline. Outcome units per treatment "
            "unit.",
            [
                over_time(f"causal_effect{{{ENTITY}}} and {MISLEADING}", "effect"),
                over_time(f"causal_association{{{ENTITY}}} and {MISLEADING}", "association"),
                over_time(f"causal_effect_lower{{{ENTITY}}} and {MISLEADING}", "lower"),
                over_time(f"causal_effect_upper{{{ENTITY}}} and {MISLEADING}", "upper"),
                _unit_of(MISLEADING),
            ],
            noValue=NO_EFFECTS,
            transformations=[unit_from("Unit")],
            overrides=[line("effect", "blue"), line("association", "orange", dashed=True), *band("lower", "upper")],
        ),
        _lag_response(),
    ]


def effects_in_detail() -> list[Json]:
    """Can the effects be believed, when do they arrive, for whom do they hold, and what did an intervention do?"""
    group, within, impact = (_ends(name) for name in ("effect_group", "association_within", "impact"))
    total = _ends("impact_cumulative")
    totals = {f"Value #{letter}": f"in all{end}" for letter, end in zip("DEF", ("", ", lower", ", upper"), strict=True)}
    return [
        row("Can they be believed, when do they arrive, for whom do they hold"),
        table(
            "How they were estimated",
            "The method and the variables that were adjusted for.",
            [rows_now(of_treatment(f"causal_effect_info{{{ENTITY}}}"))],
            width=24,
            height=8,
            noValue=NO_EFFECTS,
            transformations=[columns("Value", "job", "instance", "identified_by", *ELSEWHERE, order=WHAT)],
            overrides=[
                override("adjustment_set", displayName="adjusted for", custom__width=480),
                override("treatment", custom__width=210),
                override("method", custom__width=230),
            ],
        ),
        table(
            "Checks, those that fail first",
            "Each check of each effect, and whether it holds.",
            [rows_now(of_treatment(f"causal_effect_check{{{ENTITY}}}"))],
            width=24,
            height=8,
            noValue=NO_EFFECTS,
            transformations=[
                columns("job", "instance", *ELSEWHERE, order=("Value", "check", *WHAT), Value="holds"),
                transform("sortBy", sort=[{"field": "holds"}]),
            ],
            overrides=[
                override(
                    "holds",
                    **colored_text(mappings=named_values({0: ("fails", "red"), 1: ("holds", "green")})),
                    custom__width=70,
                )
            ],
        ),
        table(
            "For whom: effects by level of their modifiers",
            "The effect by level of its modifiers, with 95% intervals. Outcome units per treatment unit.",
            merged(of_treatment(readable(f"{name}{{{ENTITY}}}")) for name in group),
            noValue="No effect has modifiers",
            transformations=[
                transform("merge"),
                columns("job", "instance", *ELSEWHERE, order=("level", *_values("effect"), *WHAT), **_values("effect")),
            ],
            overrides=[
                *_numbers("effect"),
                *widths(level=150, treatment=85, outcome=75, modifier=90),
            ],
        ),
        table(
            "Simpson's view: associations within strata",
            "The unadjusted slope within each stratum, with 95% intervals. Where it differs in sign from the "
            "association over everything (above), what mixes the strata misleads.",
            merged(of_treatment(readable(f"{name}{{{ENTITY}}}")) for name in within),
            noValue="No effect has strata",
            transformations=[
                transform("merge"),
                columns(
                    "job",
                    "instance",
                    *ELSEWHERE,
                    order=("stratum", *_values("association"), *WHAT),
                    **_values("association"),
                ),
            ],
            overrides=[*_numbers("association"), override("association", custom__width=95)],
        ),
        table(
            "What interventions changed (difference in differences)",
            "What each configured intervention changed: on average while it lasts, and summed over the points, with "
            "95% intervals. In the unit of the outcome.",
            merged(readable(f'{name}{{{ENTITY}, intervention=""}}') for name in (*impact, *total)),
            width=24,
            height=5,
            noValue="No impact is configured",
            transformations=[
                transform("merge"),
                columns(
                    "job", "instance", order=("outcome", "service", "namespace", "unit"), **_values("impact"), **totals
                ),
            ],
            overrides=[*_numbers("impact"), *(override(name, custom__width=115) for name in totals.values())],
        ),
    ]


def _lag_response() -> Json:
    """When the effect arrives."""
    by_lag = merged(f"{name}{{{ENTITY}}} and ignoring (lag) {MISLEADING_OVER_LAGS}" for name in _ends("effect_lag"))
    to_number = {"conversions": [{"targetField": "lag", "destinationType": "number"}], "fields": {}}
    return trend(
        "Lag response of the effect that its association misses most",
        "How much of the effect arrives after so many steps, with 95% intervals. Outcome units per treatment unit.",
        [*by_lag, _unit_of(MISLEADING_OVER_LAGS)],
        x="lag",
        noValue=NO_EFFECTS,
        transformations=[
            unit_from("Unit"),
            transform("merge"),
            transform("convertFieldType", **to_number),
            transform("filterFieldsByName", include={"pattern": "/^(lag|Value.*)$/"}),
            transform("organize", renameByName={"Value #A": "effect", "Value #B": "lower", "Value #C": "upper"}),
            transform("sortBy", sort=[{"field": "lag"}]),
        ],
        overrides=[line("effect", "blue"), *band("lower", "upper")],
    )


def _unit_of(effect: str) -> Json:
    """The target whose answer has the unit of an effect's outcome."""
    signal = f'label_replace({effect}, "signal", "$1", "outcome", "(.+)")'
    return rows_now(f"causal_datasource_signal_info and on (signal) {signal}") | {"refId": "Unit"}


def _ends(name: str) -> list[str]:
    """The metrics of a number and of the ends of its interval."""
    return [f"causal_{name}{end}" for end in ("", "_lower", "_upper")]


def _values(name: str) -> dict[str, str]:
    """Names of the columns of a number and its interval."""
    return {"Value #A": name, "Value #B": "lower", "Value #C": "upper"}


def _numbers(*names: str) -> list[Json]:
    shown = [override(name, custom__width=68) for name in (*names, "lower", "upper")]
    return [*shown, override("unit", displayName="in", mappings=UNITS, custom__width=55)]
