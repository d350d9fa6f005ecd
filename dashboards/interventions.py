"""Interventions: what was done, what it changed, and what that says of the graph."""

from parts import (
    SCORE,
    Json,
    annotations,
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
