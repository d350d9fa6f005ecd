"""Interventions on the JSON plugin: what was done, what it changed, and what to try next."""

from interventions import DESCRIPTION
from jsonplugin import SOURCE, ask, incident_annotation, variables
from parts import Json, annotations, band, dashboard, lay_out, override, series, table, wrapped

WIDTHS = {"state": 80, "start": 165, "end": 165, "kind": 85, "who": 80, "links": 80, "rolled back": 100}
"""Of the columns of the log, in pixels; a time is cut by less."""


def on_json() -> Json:
    """Needs the JSON plugin."""
    regions = {
        "name": "Interventions",
        "datasource": SOURCE,
        "iconColor": "blue",
        "target": {"refId": "Anno", **ask("intervention_regions")},
    }
    return dashboard(
        "interventions",
        "json-",
        DESCRIPTION,
        annotations=annotations(incident_annotation(), regions),
        templating=variables("entity", "intervention"),
        panels=lay_out(
            [
                table(
                    "What was done",
                    "The log, the newest first: what was done to whom, when, by whom and why.",
                    [ask("interventions")],
                    width=24,
                    height=8,
                    overrides=[
                        *(override(name, custom__width=width) for name, width in WIDTHS.items()),
                        override("intervention", custom__width=105),
                        override("targets", **wrapped(165)),
                        override("why", **wrapped()),
                    ],
                ),
                series(
                    "What it changed",
                    "What moved most clearly with the chosen intervention, beside what would have been without it, "
                    "with the 95% band.",
                    [ask("intervention_impact", intervention="$intervention", view="course")],
                    height=10,
                    overrides=band("counterfactual_lower", "counterfactual_upper"),
                ),
                series(
                    "Added up",
                    "The effect added up over the points while the intervention lasted.",
                    [ask("intervention_impact", intervention="$intervention", view="cumulative")],
                    height=10,
                ),
                table(
                    "What that says of the graph",
                    "Each edge out of a target: whether what was measured agrees with what the graph predicted.",
                    [ask("intervention_verdicts")],
                    width=24,
                    height=9,
                    overrides=[
                        override("why", **wrapped(380)),
                        *(override(f"measured {end}", custom__width=130) for end in ("lower", "upper")),
                    ],
                ),
                next_experiment(),
            ]
        ),
    )


def next_experiment() -> Json:
    """What would tell most about open incidents and the graph."""
    return table(
        "Which experiment next",
        "What would tell most about the cause of open incidents and about the graph for what it costs, and whom it "
        "would touch.",
        [ask("next_experiment")],
        width=24,
        height=9,
        noValue="Nothing that could be moved or measured would tell more",
        overrides=[
            *(override(name, **wrapped(330)) for name in ("what to do", "what it tells", "blast radius")),
            *(override(name, custom__width=75) for name in ("bits", "cost")),
        ],
    )
