"""Interventions: what was done, what it changed, what that says of the graph, and what to try next."""

from collections.abc import Sequence

from board import annotations, dashboard, datasource_variable, query_variable
from fields import Json, band, colored_text, hidden, line, named_values, override, sentences, transform, widths
from parts import SCORE, lay_out, series, table
from promql import (
    ENTITY,
    SOURCE,
    UNITS,
    columns,
    entity_variables,
    incident_regions,
    intervention_regions,
    merged,
    of_effect,
    over_time,
    readable,
    rows_now,
    to,
    unit_from,
)

DESCRIPTION = "What was done to the system, what it changed, what that says of the causal graph, and what to try next."
NONE = "No intervention is known: write one down by 'causal-datasource intervention record', or let signals tell"
NO_COURSE = "No course: it comes through remote_read of the service in Prometheus (docs/doors.md), with door=causal"
VERDICTS = {3: ("refuted", "red"), 1: ("confirmed", "green"), 0: ("undecided", "text")}
VERDICT = "(2 * causal_edge_verdict ^ 2 - causal_edge_verdict)"
"""What is refuted first, then what is confirmed."""
ESTIMATES = ("causal_impact", "causal_impact_lower", "causal_impact_upper", "causal_impact_cumulative")
CHOSEN = 'door="causal", intervention="$intervention", outcome="$outcome"'
_OF_CHOSEN = f'{{{ENTITY}, intervention="$intervention", outcome="$outcome"}} @ end()'
CLEAREST = (
    f"topk(1, abs(causal_impact{_OF_CHOSEN}) / (causal_impact_upper{_OF_CHOSEN} - causal_impact_lower{_OF_CHOSEN}))"
)
"""Of those whose outcome the chosen intervention may have moved the one where it is clearest."""


def on_prometheus() -> Json:
    """Needs no plugin; the course needs remote_read."""
    return dashboard(
        "interventions",
        "",
        DESCRIPTION,
        annotations=annotations(incident_regions(), intervention_regions(whole=True)),
        templating={"list": [datasource_variable(SOURCE["type"]), *entity_variables(), *_chosen()]},
        panels=lay_out([_active(), _impacts(), *_course(), _verdicts(), next_experiment()]),
    )


def _chosen() -> list[Json]:
    """The intervention and the outcome whose course is drawn."""
    newest = {"query": 'label_values(causal_impact{intervention!=""}, intervention)', "refId": "intervention"}
    outcomes = {"query": 'label_values(causal_impact{intervention="$intervention"}, outcome)', "refId": "outcome"}
    number, signal = "Whose course is drawn; to begin with, the newest one.", "In which signal it is drawn."
    return [
        query_variable("intervention", "Intervention", number, SOURCE, newest) | {"sort": 4},
        query_variable("outcome", "Outcome", signal, SOURCE, outcomes),
    ]


def _active() -> Json:
    since = "1000 * causal_intervention_start_timestamp_seconds"
    return table(
        "What is under way, or was done last",
        "Interventions of the log that last, and since when. What has no end, such as a deploy or what a signal tells "
        "(detected), stands here until the next one of the same target.",
        [rows_now("1 * causal_intervention_active"), rows_now(since)],
        width=24,
        height=5,
        noValue="Nothing is being done now",
        transformations=[
            transform("merge"),
            columns(
                *("Value #A", "job", "instance"),
                order=("Value #B", "kind", "targets", "intervention"),
                **{"Value #B": "since"},
            ),
            transform("sortBy", sort=[{"field": "since", "desc": True}]),
        ],
        overrides=[
            override("since", unit="dateTimeAsLocal", custom__width=195),
            *widths(kind=120, intervention=110),
        ],
    )


def _impacts() -> Json:
    impact, lower, upper, in_all = (f'{name}{{{ENTITY}, intervention!=""}}' for name in ESTIMATES)
    clear = readable(f"abs({impact}) / (({upper} - {lower}) / 2)", number=False)
    names = ("clear", "impact", "lower", "upper", "in all")
    links = to("interventions", "Draw it", intervention="${__value.raw}", outcome="${__data.fields.outcome}")
    return table(
        "What they changed",
        "What each of the newest interventions changed in what moved most clearly while it lasted: on average with its "
        "95% interval, and summed over the points. Clear is the average over half of its interval: above 1 it is not "
        "by chance. Click an intervention to draw its course.",
        merged([clear, *(readable(one) for one in (impact, lower, upper, in_all))]),
        width=24,
        height=8,
        noValue=NONE,
        transformations=[
            transform("merge"),
            columns(
                *("job", "instance"),
                order=("Value #A", "intervention", "service", "namespace", "outcome", "unit"),
                **{f"Value #{letter}": name for letter, name in zip("ABCDE", names, strict=True)},
                unit="in",
            ),
            transform("sortBy", sort=[{"field": "clear", "desc": True}]),
        ],
        overrides=[
            override("clear", **colored_text(decimals=1, thresholds=SCORE, custom__width=80)),
            override("intervention", links=links, custom__width=110),
            override("in", mappings=UNITS, custom__width=80),
            *widths(impact=90, lower=90, upper=90, in_all=90),
        ],
    )


def _course() -> list[Json]:
    unit = rows_now('causal_datasource_signal_info{signal="$outcome"}') | {"refId": "Unit"}

    def drawn(title: str, description: str, lines: Sequence[Json], overrides: Sequence[Json]) -> Json:
        return series(
            title,
            description,
            [*lines, unit],
            height=8,
            noValue=NO_COURSE,
            transformations=[unit_from("Unit")],
            overrides=overrides,
        )

    own = f"and ignoring (__name__, door, job, instance) {CLEAREST}"

    def course(name: str) -> str:
        return f"causal_impact_{name}{{{CHOSEN}, {ENTITY}}} {own}"

    return [
        drawn(
            "Course: intervention ${intervention}, ${outcome}",
            "What was seen, beside what would have been without the intervention (dashed) with its 95% band, where it "
            "moved most clearly.",
            [
                over_time(course("observed"), "{{service}} observed"),
                over_time(course("counterfactual"), "would have been"),
                over_time(course("counterfactual_lower"), "lower"),
                over_time(course("counterfactual_upper"), "upper"),
            ],
            [
                override("/observed$/", matcher="byRegexp", color={"mode": "fixed", "fixedColor": "text"}),
                line("would have been", "blue", dashed=True),
                *band("lower", "upper"),
            ],
        ),
        drawn(
            "Added up",
            "The difference of both, added up over the points while the intervention lasted.",
            [over_time(course("so_far"), "added up")],
            [line("added up", "text")],
        ),
    ]


def _verdicts() -> Json:
    own = "causal_edge_verdict"
    ends = [f"{own}_measured{end}" for end in ("", "_lower", "_upper")]
    numbers = [readable(of_effect(one)) for one in (*ends, f"{own}_predicted")]
    names = ("verdict", "measured", "lower", "upper", "predicted")
    return table(
        "What that says of the graph",
        "Each edge out of a target: whether what was measured agrees with what the graph predicted of the effect, and "
        "why.",
        merged([readable(of_effect(VERDICT), number=False), *numbers]),
        width=24,
        height=9,
        noValue="No verdict on any edge yet",
        transformations=[
            transform("merge"),
            columns(
                *("job", "instance", "outcome"),
                order=("Value #A", "cause", "effect", "Value #B", "Value #C", "Value #D", "Value #E", "unit", "why"),
                **{f"Value #{letter}": name for letter, name in zip("ABCDE", names, strict=True)},
                unit="in",
            ),
            transform("sortBy", sort=[{"field": "verdict", "desc": True}]),
        ],
        overrides=[
            override("verdict", **colored_text(mappings=named_values(VERDICTS), custom__width=95)),
            override("in", mappings=UNITS, custom__width=60),
            *sentences("why"),
            *widths(cause=190, effect=350, measured=95, lower=90, upper=90, predicted=95, intervention=100),
        ],
    )


def next_experiment() -> Json:
    """What would tell most about open incidents and the graph."""
    own = "causal_next_experiment"
    return table(
        "Which experiment next",
        "What would tell most about the cause of open incidents and about the graph for what it costs (minutes, each "
        "counted once more by whom it makes suffer), and whom it would touch. Of each question the best three.",
        merged([f"{own}_info", f"{own}_bits", f"{own}_cost_minutes"]),
        width=24,
        height=9,
        noValue="Nothing that could be moved or measured would tell more, or it is not known yet",
        transformations=[
            transform("merge"),
            columns(
                *("Value #A", "job", "instance"),
                order=("question", "what", "why", "touches", "Value #B", "Value #C"),
                what="what to do",
                why="what it tells",
                touches="blast radius",
                **{"Value #B": "bits", "Value #C": "cost"},
            ),
            transform("sortBy", sort=[{"field": "rank"}]),
        ],
        overrides=[
            override("bits", decimals=2),
            override("cost", unit="m", decimals=0),
            *sentences("what to do", "what it tells", "blast radius"),
            *widths(question=230, bits=60, cost=80),
            *hidden("incident", "rank"),
        ],
    )
