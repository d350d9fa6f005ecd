"""The rows of the dashboard on Prometheus that are about effects."""

from parts import (
    SCORE,
    Json,
    band,
    line,
    named_values,
    override,
    row,
    series,
    table,
    transform,
    trend,
)
from prometheus_parts import ENTITY, columns, merged, only, over_time, rows_now

MISSED = (
    f"abs(causal_association{{{ENTITY}}} @ end() - causal_effect{{{ENTITY}}} @ end())"
    f" / (causal_effect_upper{{{ENTITY}}} @ end() - causal_effect_lower{{{ENTITY}}} @ end())"
)
"""By how many widths of its interval each effect on the entities chosen is missed by its association."""

MISLEADING = f"topk(1, {MISSED})"
"""Of the effects on the entities chosen the one that its association misses most."""

MISLEADING_OVER_LAGS = f"topk(1, {MISSED} and ignoring (lag) causal_effect_lag{{{ENTITY}}} @ end())"
"""The same among the effects that are told apart by lag."""


def effects() -> list[Json]:
    """What causes what, beside what a dashboard would make one believe."""
    estimates = [f"causal_{name}{end}" for name in ("effect", "association") for end in ("", "_lower", "_upper")]
    names = {f"Value #{letter}": name.removeprefix("causal_") for letter, name in zip("ABCDEF", estimates, strict=True)}
    return [
        row("What causes what, and how much"),
        table(
            "Effects beside their associations",
            "By how much the outcome changes with one unit more of the treatment: caused by it (effect), and as a "
            "dashboard shows it (association), both with 95% intervals.",
            merged(f"{name}{{{ENTITY}}}" for name in estimates),
            width=24,
            transformations=[transform("merge"), columns("__name__", **names)],
            overrides=[only("namespace"), only("service")],
        ),
        series(
            "The effect that its association misses most",
            "Of the effects above, the one whose association lies the most interval widths away; choose a service to "
            "see another one. Drawn over the evaluations, each over the whole baseline.",
            [
                over_time(f"causal_effect{{{ENTITY}}} and {MISLEADING}", "effect"),
                over_time(f"causal_association{{{ENTITY}}} and {MISLEADING}", "association"),
                over_time(f"causal_effect_lower{{{ENTITY}}} and {MISLEADING}", "lower"),
                over_time(f"causal_effect_upper{{{ENTITY}}} and {MISLEADING}", "upper"),
            ],
            overrides=[line("effect", "blue"), line("association", "orange", dashed=True), *band("lower", "upper")],
        ),
        table(
            "How they were estimated",
            "The method and the variables that were adjusted for.",
            [rows_now(f"causal_effect_info{{{ENTITY}}}")],
            transformations=[columns("__name__", "Value")],
        ),
    ]


def effects_in_detail() -> list[Json]:
    """Can the effects be believed, when do they arrive, for whom do they hold, and what did an intervention do?"""
    lag, group, within, impact = (
        [f"causal_{name}{end}" for end in ("", "_lower", "_upper")]
        for name in ("effect_lag", "effect_group", "association_within", "impact")
    )
    by_lag = merged(f"{name}{{{ENTITY}}} and ignoring (lag) {MISLEADING_OVER_LAGS}" for name in lag)
    to_number = {"conversions": [{"targetField": "lag", "destinationType": "number"}], "fields": {}}
    total = [f"causal_impact_cumulative{end}" for end in ("", "_lower", "_upper")]
    totals = {f"Value #{letter}": f"in all{end}" for letter, end in zip("DEF", ("", ", lower", ", upper"), strict=True)}
    return [
        row("Effects: can they be believed, when do they arrive, for whom do they hold"),
        table(
            "Effects and how sure they are",
            "Every configured effect with its 95% interval, the p-value of there being none, and how many of its "
            "checks fail.",
            [
                *merged(f"causal_effect{end}{{{ENTITY}}}" for end in ("", "_lower", "_upper", "_p_value")),
                rows_now(
                    f"count without (check) (causal_effect_check{{{ENTITY}}} == 0) or causal_effect{{{ENTITY}}} * 0"
                ),
            ],
            width=14,
            transformations=[
                transform("merge"),
                columns("__name__", **_named("effect", **{"Value #E": "checks failed"})),
            ],
            overrides=[
                override("checks failed", thresholds=SCORE, custom__cellOptions={"type": "color-text"}, decimals=0)
            ],
        ),
        table(
            "Checks",
            "Each check of each effect: 1 where it holds, 0 where it fails.",
            [rows_now(f"sort(causal_effect_check{{{ENTITY}}})")],
            width=10,
            transformations=[columns("__name__", Value="holds")],
            overrides=[
                override(
                    "holds",
                    mappings=named_values({0: ("fails", "red"), 1: ("holds", "green")}),
                    custom__cellOptions={"type": "color-text"},
                )
            ],
        ),
        trend(
            "Lag response of the effect that its association misses most",
            "How much of the effect arrives after so many steps, with 95% intervals.",
            by_lag,
            x="lag",
            transformations=[
                transform("merge"),
                transform("convertFieldType", **to_number),
                transform("filterFieldsByName", include={"pattern": "/^(lag|Value.*)$/"}),
                transform("organize", renameByName={"Value #A": "effect", "Value #B": "lower", "Value #C": "upper"}),
                transform("sortBy", sort=[{"field": "lag"}]),
            ],
            overrides=[line("effect", "blue"), *band("lower", "upper")],
        ),
        table(
            "Heterogeneity",
            "The effect by level of its modifiers, with 95% intervals. Outcome units per treatment unit.",
            merged(f"{name}{{{ENTITY}}}" for name in group),
            transformations=[transform("merge"), columns("__name__", **_named("effect"))],
        ),
        table(
            "Impacts (difference in differences)",
            "What each configured intervention changed: on average while it lasts, and summed over the points, with "
            "95% intervals. In the unit of the outcome.",
            merged(f"{name}{{{ENTITY}}}" for name in (*impact, *total)),
            transformations=[transform("merge"), columns("__name__", **_named("impact", **totals))],
        ),
        table(
            "Simpson's view: associations within strata",
            "The unadjusted slope within each stratum, with 95% intervals. Where it differs in sign from the "
            "association over everything (above), what mixes the strata misleads.",
            merged(f"{name}{{{ENTITY}}}" for name in within),
            transformations=[transform("merge"), columns("__name__", **_named("association"))],
        ),
    ]


def _named(value: str, **further: str) -> dict[str, str]:
    """Names of the columns of a number and its interval, and of those further on."""
    return {"Value #A": value, "Value #B": "lower", "Value #C": "upper", "Value #D": "p-value"} | further
