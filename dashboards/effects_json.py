"""Effects on the JSON plugin: what causes what, how much of it can be believed, and what if."""

from board import annotations, dashboard
from fields import P_VALUE, Json, colored_text, ordered, override, widths
from jsonplugin import ask, colored, incident_annotation, intervention_annotation, variables
from parts import PLAIN, lay_out, row, series, stat, table, trend

NONE = "Nothing: no effect is configured or chosen, or the first fit is not done"
NO_IMPACT = "No impact is configured, or the first fit is not done"


def on_json() -> Json:
    """Asks causal-datasource itself."""
    return dashboard(
        "effects",
        "json-",
        "What causes what, beside what a dashboard would make one believe, and what an intervention would do.",
        annotations=annotations(incident_annotation(), intervention_annotation()),
        templating=variables("entity", "effect"),
        panels=lay_out([*on_plugin(), *on_plugin_in_detail(), *what_if()]),
    )


def on_plugin() -> list[Json]:
    """What causes what, beside what a dashboard would make one believe."""
    return [
        stat(
            "${effect}",
            "By how much the outcome changes with one unit more of the treatment: caused by it (effect), and as a "
            "dashboard shows it (association). Over the whole baseline. The effect has the colour of its checks.",
            [ask("causal_effect", view="estimate", effect="$effect")],
            width=6,
            fields="/^(effect|association|checks)$/",
            noValue=NONE,
            overrides=[colored("orange", "association")],
            thresholds=PLAIN,
        ),
        series(
            "Over rolling windows: ${effect}",
            "Each point is the estimate of the window that ends there, with its 95% interval; dashed, the association.",
            [ask("causal_effect", view="rolling", effect="$effect")],
            width=18,
            noValue=NONE,
            overrides=[colored("blue", "effect", "lower", "upper"), colored("orange", "association")],
        ),
    ]


def on_plugin_in_detail() -> list[Json]:
    """Every effect, when it arrives, for whom, and what an intervention did."""
    band = [colored("blue", "effect at this lag", "effect", "lower", "upper"), colored("text", "effect so far")]
    return [
        row("Effects: can they be believed, when do they arrive, for whom do they hold"),
        table(
            "All effects",
            "Every configured effect beside its association, with its 95% interval, how it was found, and whether the "
            "checks of it hold. Outcome units per treatment unit.",
            [ask("effects_table")],
            width=24,
            height=11,
            noValue=NONE,
            transformations=[ordered(without=("identified by", "n", "method", "what the checks say", "notices"))],
            overrides=[
                override("p-value", **P_VALUE, custom__width=80),
                override("checks", **colored_text()),
                *widths(treatment=210, outcome=205, association=95, effect=80, lower=80, upper=80, checks=65),
                override("in", custom__width=110),
            ],
        ),
        table(
            "Checks: ${effect}",
            "What was tried to shake the estimate, what failed first. Each says what it found.",
            [ask("causal_effect", view="checks", effect="$effect")],
            width=24,
            height=8,
            noValue=NONE,
            transformations=[ordered(without=("effect of",))],
            overrides=[override("verdict", **colored_text()), *widths(check=200, verdict=90)],
        ),
        trend(
            "Lag response: ${effect}",
            "How much of the effect arrives after so many steps, with 95% intervals; dashed, all of it so far.",
            [ask("lag_response", effect="$effect")],
            x="lag",
            noValue=NONE,
            overrides=band,
        ),
        table(
            "Heterogeneity",
            "The effect by level of its modifiers, below the effect over all. Outcome units per treatment unit.",
            [ask("heterogeneity")],
            noValue="No effect has modifiers",
            transformations=[ordered(without=("n",))],
            overrides=[override("p-value", **P_VALUE, custom__width=80), *widths(effect_of=140, level=150)],
        ),
        series(
            "Difference in differences",
            "The treated, the controls, and what the treated would have been without the intervention (dashed, with "
            "its 95% interval). The mark is where the intervention began.",
            [ask("difference_in_differences", view="comparison")],
            noValue=NO_IMPACT,
            overrides=[
                colored("red", "treated"),
                colored("text", "control"),
                colored("blue", "counterfactual", "lower", "upper"),
            ],
        ),
        trend(
            "Event study",
            "The effect by steps since the intervention. Those before it are placebos: away from 0, the groups were "
            "not parallel and the comparison is not to be trusted.",
            [ask("difference_in_differences", view="event_study")],
            x="steps since",
            width=8,
            noValue=NO_IMPACT,
            overrides=band,
        ),
        stat(
            "Impact",
            "What the intervention changed: on average while it lasts, and summed over the points, in the unit of the "
            "outcome. The text of the mark beside it gives the interval.",
            [ask("difference_in_differences", view="estimate")],
            width=4,
            fields="/impact$/",
            noValue=NO_IMPACT,
            thresholds=PLAIN,
        ),
        table(
            "Simpson's view",
            "The slope over everything, within each stratum, averaged over the strata, and the effect. Where signs "
            "differ, what mixes the strata misleads. Outcome units per treatment unit.",
            [ask("simpson")],
            width=24,
            noValue="No effect has strata",
        ),
    ]


def what_if() -> list[Json]:
    """Interventions that nobody has made."""

    def held(at: str, value: str) -> Json:
        return table(
            f"What if the treatment of ${{effect}} stayed at its {at}?",
            f"do(treatment = its {at} value of the baseline), for good, pushed through the fitted causal graph: where "
            "everything that it reaches would settle, with 95% intervals. For another variable or value, edit the "
            "query in Explore.",
            [ask("what_if", effect="$effect", value=value)],
            width=24,
            height=7,
            noValue=NONE,
            transformations=[ordered(without=("do", "unit"))],
            overrides=widths(outcome=340, now=110, predicted=110, lower=110, upper=110, change=110),
        )

    return [
        row("What if: an intervention pushed through the causal graph"),
        held("highest", "highest"),
        held("lowest", "lowest"),
    ]
