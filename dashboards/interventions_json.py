"""Interventions on the JSON plugin: what was done, what it changed, and what to try next."""

from board import annotations, dashboard
from fields import Json, band, colored_text, line, ordered, override, sentences, widths
from interventions import DESCRIPTION, NONE
from jsonplugin import ask, incident_annotation, intervention_annotation, variables
from parts import lay_out, series, table

LOG = ("state", "start", "end", "kind", "targets", "parameters", "why", "who")
NO_COURSE = "Nothing to draw: no intervention is chosen, or it lies outside of this time range"
NEXT = ("question", "what to do", "what it tells", "blast radius", "bits", "cost")


def on_json() -> Json:
    """Needs the JSON plugin."""
    return dashboard(
        "interventions",
        "json-",
        DESCRIPTION,
        annotations=annotations(incident_annotation(), intervention_annotation()),
        templating=variables("entity", "intervention"),
        panels=lay_out([_log(), *_impact(), _verdicts(), _next_experiment()]),
    )


def _log() -> Json:
    return table(
        "What was done",
        "The log, the newest first: what was done to whom, when, by whom and why.",
        [ask("interventions")],
        width=24,
        height=7,
        noValue=NONE,
        transformations=[ordered(*LOG)],
        overrides=[
            override("state", **colored_text()),
            *widths(state=80, start=165, end=165, kind=95, targets=190, who=80, links=110, rolled_back=95),
            *widths(intervention=100),
        ],
    )


def _impact() -> list[Json]:
    return [
        series(
            "What it changed",
            "What moved most clearly with the chosen intervention, beside what would have been without it, with the "
            "95% band.",
            [ask("intervention_impact", intervention="$intervention", view="course")],
            height=10,
            noValue=NO_COURSE,
            overrides=[
                line("observed", "text"),
                line("counterfactual", "blue", dashed=True),
                *band("counterfactual_lower", "counterfactual_upper"),
            ],
        ),
        series(
            "Added up",
            "The effect added up over the points while the intervention lasted.",
            [ask("intervention_impact", intervention="$intervention", view="cumulative")],
            height=10,
            noValue=NO_COURSE,
        ),
    ]


def _verdicts() -> Json:
    return table(
        "What that says of the graph",
        "Each edge out of a target: whether what was measured agrees with what the graph predicted.",
        [ask("intervention_verdicts")],
        width=24,
        height=9,
        noValue="No verdict on any edge yet",
        overrides=[
            override("verdict", **colored_text()),
            *(override(f"measured {end}", displayName=end, custom__width=95) for end in ("lower", "upper")),
            *sentences("why"),
            *widths(verdict=95, cause=190, effect=340, moved=95, measured=95, predicted=95, intervention=95),
        ],
    )


def _next_experiment() -> Json:
    return table(
        "Which experiment next",
        "What would tell most about the cause of open incidents and about the graph for what it costs, and whom it "
        "would touch.",
        [ask("next_experiment")],
        width=24,
        height=10,
        noValue="Nothing that could be moved or measured would tell more",
        transformations=[ordered(*NEXT, without=("kind", "experiment", "incident"))],
        overrides=[*sentences("what to do", "what it tells", "blast radius"), *widths(question=230, bits=60, cost=80)],
    )
