"""Interventions: what was done, what it changed, and what that says of the graph."""

from jsonplugin import SOURCE as PLUGIN
from jsonplugin import ask, incident_annotation, variables
from parts import (
    SCORE,
    Json,
    annotations,
    band,
    colored_text,
    dashboard,
    datasource_variable,
    lay_out,
    override,
    series,
    table,
    transform,
    wrapped,
)
from promql import (
    ENTITY,
    NAME,
    SOURCE,
    annotation,
    columns,
    entity_variables,
    incident_regions,
    merged,
    over_time,
    rows_now,
)

DESCRIPTION = "What was done to the system, what it changed, and what that says of the causal graph."
NONE = "No intervention is known: write one down by 'causal-datasource intervention record', or let signals tell"
WIDTHS = {"state": 80, "start": 165, "end": 165, "kind": 85, "who": 80, "links": 80, "rolled back": 100}
"""Of the columns of the log, in pixels; a time is cut by less."""
ESTIMATES = ("causal_impact", "causal_impact_lower", "causal_impact_upper", "causal_impact_cumulative")


def on_prometheus() -> Json:
    """Needs no plugin."""
    regions = annotation(
        "Interventions", "causal_intervention_active", "{{kind}} {{targets}}", "Intervention {{intervention}}", "blue"
    )
    return dashboard(
        "interventions",
        "",
        DESCRIPTION,
        annotations=annotations(incident_regions(), regions),
        templating={"list": [datasource_variable(SOURCE["type"]), *entity_variables()]},
        panels=lay_out([_active(), _impacts(), _impact_over_time()]),
    )


def _active() -> Json:
    return table(
        "Under way",
        "Interventions of the log that last.",
        [rows_now("causal_intervention_active")],
        width=24,
        height=6,
        noValue="Nothing is being done now",
        transformations=[columns("Value", "job", "instance", order=("kind", "targets", "intervention"))],
        overrides=[override("targets", **wrapped())],
    )


def _impacts() -> Json:
    impact, lower, upper, in_all = (f'{name}{{{ENTITY}, intervention!=""}}' for name in ESTIMATES)
    half = f"({upper} - {lower}) / 2"
    shown = {"clear": f"abs({impact}) / ({half})", "impact": impact, "lower": lower, "upper": upper, "in all": in_all}
    units = 'max by (outcome, unit) (label_replace(causal_datasource_signal_info, "outcome", "$1", "signal", "(.+)"))'
    with_unit = (f"{expr} * on (outcome) group_left (unit) {units}" for expr in shown.values())
    return table(
        "What they changed",
        "What each of the newest interventions changed in what moved most clearly while it lasted: on average with its "
        "95% interval, and summed over the points, in the outcome's unit. Clear is the average over half of its "
        "interval: above 1 it is not by chance.",
        merged(with_unit),
        width=24,
        height=9,
        noValue=NONE,
        transformations=[
            transform("merge"),
            columns(
                "job",
                "instance",
                order=("Value #A", "intervention", "service", "namespace", "outcome"),
                **{f"Value #{letter}": name for letter, name in zip("ABCDE", shown, strict=True)},
            ),
            transform("sortBy", sort=[{"field": "clear", "desc": True}]),
        ],
        overrides=[
            *(override(name, decimals=4, custom__width=105) for name in shown if name != "clear"),
            override("clear", **colored_text(decimals=1, thresholds=SCORE, custom__width=80)),
            override("unit", custom__width=80),
        ],
    )


def _impact_over_time() -> Json:
    return series(
        "The impact as it became clear",
        "The same averages, as each evaluation knew them.",
        [over_time(f'causal_impact{{{ENTITY}, intervention!=""}}', f"{{{{intervention}}}} {NAME} {{{{outcome}}}}")],
        width=24,
        noValue=NONE,
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


def on_json() -> Json:
    """Needs the JSON plugin."""
    regions = {
        "name": "Interventions",
        "datasource": PLUGIN,
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
