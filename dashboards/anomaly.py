"""Anomaly explained: how a score comes about, step by step."""

from board import annotations, choice_variable, dashboard, datasource_variable, filters_variable
from fields import Json, band, colored_text, fixed, line, named_values, override, transform
from incident import elsewhere, look_further
from parts import SCORE, lay_out, row, scores, series, stat, table, timeline
from promql import (
    ENTITY,
    OF_VERDICTS,
    SOURCE,
    VARIABLE,
    alerts,
    columns,
    entity_variables,
    incident_regions,
    intervention_regions,
    number_now,
    over_time,
    rows_now,
    to,
    unit_from,
    variable,
)

WORST = f"topk(1, causal_anomaly_score{{{VARIABLE}}} @ end())"
"""The variable to explain: of those chosen the one that scores highest at the end of the time range."""

THRESHOLD = choice_variable(
    "threshold",
    "Threshold",
    "Scores above it count as anomalous in the table; alerts have their own.",
    ("1", "2", "3", "5", "10"),
)
SHARE = choice_variable(
    "share",
    "Least share",
    "Variables that were anomalous for at least this share of the time range.",
    ("0", "0.01", "0.1"),
)
SILENT = "No scores: the datasource said nothing in this range"


def on_prometheus() -> Json:
    """Needs no plugin."""
    signal = variable("signal", "Signal", "Which of these signals.", f"causal_anomaly_score{{{ENTITY}}}")
    chosen = [*entity_variables(), signal, THRESHOLD, SHARE, *elsewhere(), filters_variable(SOURCE)]
    return dashboard(
        "anomaly",
        "",
        "How the score of a variable comes about, step by step: of the variables chosen, the one that scores highest.",
        annotations=annotations(incident_regions(), alerts(), intervention_regions()),
        templating={"list": [datasource_variable(SOURCE["type"]), *chosen]},
        panels=lay_out([*which(), *why(), *spread()]),
    )


def which() -> list[Json]:
    """Who was anomalous for how long, and who is explained."""
    score = f"causal_anomaly_score{{{VARIABLE}}}"
    share = f"avg_over_time(({score} > bool $threshold)[$__range:15s])"
    links = to(
        "anomaly",
        "Explain it",
        namespace="${__data.fields.namespace}",
        service="${__data.fields.service}",
        signal="${__data.fields.signal}",
    )
    return [
        table(
            "Who was anomalous, for which share of the time",
            "The share of the time range in which the causal score was above the threshold, and its maximum. Click a "
            "signal to see below how its score comes about.",
            [
                rows_now(f"topk(20, ({share} >= $share) > 0)"),
                rows_now(f"max_over_time({score}[$__range]) and topk(20, ({share} >= $share) > 0)"),
            ],
            width=13,
            height=7,
            noValue="Nothing was above the threshold in this time range",
            transformations=[
                transform("merge"),
                columns(
                    "job",
                    "instance",
                    order=("Value #A", "Value #B", "signal", "service", "namespace"),
                    **{"Value #A": "share of time", "Value #B": "highest"},
                ),
                transform("sortBy", sort=[{"field": "share of time", "desc": True}]),
            ],
            overrides=[
                override(
                    "share of time",
                    unit="percentunit",
                    min=0,
                    max=1,
                    color={"mode": "continuous-GrYlRd"},
                    custom__cellOptions={"type": "gauge", "mode": "gradient"},
                    custom__width=190,
                ),
                override("highest", decimals=1, custom__width=90),
                override("signal", links=links),
                override("service", links=look_further()),
            ],
        ),
        table(
            "Explained below",
            "Of the variables chosen above, the one that scores highest at the end of the time range.",
            [rows_now(WORST)],
            width=8,
            height=7,
            noValue=SILENT,
            transformations=[
                columns("job", "instance", order=("Value", "signal", "service", "namespace"), Value="score")
            ],
            overrides=[override("score", **colored_text(decimals=2, thresholds=SCORE, custom__width=80))],
        ),
        stat(
            "Promise",
            "How many episodes of false alarm a day were asked for (anomaly.false_alarms_per_day), and how many the "
            "baseline itself shows. Intervals are widened to keep it.",
            [
                number_now("max(causal_datasource_promised_false_alarms_per_day)", "asked a day"),
                number_now("max(causal_datasource_supported_false_alarms_per_day)", "seen a day"),
            ],
            width=3,
            height=7,
            decimals=1,
            noValue="not known",
            look={"colorMode": "none", "textMode": "value_and_name", "orientation": "horizontal"},
        ),
    ]


def why() -> list[Json]:
    """How a score comes about."""
    observed, expected, lower, upper, score = (
        f"causal_{name}{{{VARIABLE}}}"
        for name in ("observed_value", "expected_value", "expected_lower", "expected_upper", "anomaly_score")
    )
    up, down = f"({observed} - {expected})", f"({expected} - {observed})"
    over_width = f"({up} / ({upper} - {expected}) >= 0 or {down} / ({expected} - {lower}))"
    verdict = f"max without ({OF_VERDICTS}) (causal_service_anomaly{{{ENTITY}}})"
    unit = rows_now(f"causal_datasource_signal_info and on (signal) {WORST}") | {"refId": "Unit"}
    return [
        row("How the score comes about: incidents in red, alerts in orange"),
        series(
            "1. Observed and expected",
            "The expected value is what the mechanism predicts from the actual values of the causes, never from the "
            "variable's own past. The band is its interval.",
            [
                over_time(f"{observed} and {WORST}", "{{service}} {{signal}} observed"),
                over_time(f"{expected} and {WORST}", "expected"),
                over_time(f"{lower} and {WORST}", "lower"),
                over_time(f"{upper} and {WORST}", "upper"),
                unit,
            ],
            noValue=SILENT,
            transformations=[unit_from("Unit")],
            overrides=[
                override("/observed$/", matcher="byRegexp", color=fixed("text"), custom__lineWidth=2),
                line("expected", "blue", dashed=True),
                *band("lower", "upper"),
            ],
        ),
        series(
            "2. The gap, and the widths of the interval",
            "Observed minus expected, and the two ends of the interval minus expected.",
            [
                over_time(f"{up} and {WORST}", "gap"),
                over_time(f"({lower} - {expected}) and {WORST}", "lower width"),
                over_time(f"({upper} - {expected}) and {WORST}", "upper width"),
                unit,
            ],
            noValue=SILENT,
            transformations=[unit_from("Unit")],
            overrides=[line("gap", "text"), *band("lower width", "upper width")],
        ),
        scores(
            "3. Gap over width: the score",
            "The gap divided by the width on the side that it crosses; above 1 it leaves the interval. Of signals that "
            "hurt only when they rise, such as errors, a gap downwards scores 0. Beyond 1 the axis has powers of ten.",
            [over_time(f"{over_width} and {WORST}", "gap / width"), over_time(f"{score} and {WORST}", "score")],
            noValue=SILENT,
            overrides=[line("gap / width", "blue", dashed=True), line("score", "text")],
        ),
        timeline(
            "4. Persistence: what counts",
            "One point above 1 is no anomaly yet. The entity is anomalous once enough of its latest points are "
            "(anomaly.persistence in causal.yaml). An alert waits for another minute.",
            [
                over_time(f"({score} > bool 1) and {WORST}", "above 1"),
                over_time(f"{verdict} and ignoring (signal) {WORST}", "anomalous"),
            ],
            noValue=SILENT,
            mappings=named_values({0: ("no", "green"), 1: ("yes", "red")}),
        ),
    ]


def spread() -> list[Json]:
    """How the scores of all are spread."""
    at = ("0.5", "0.9", "0.99", "1")
    score = f"causal_anomaly_score{{{VARIABLE}}}"
    return [
        row("How the scores of all are spread"),
        scores(
            "Scores of everybody chosen: median, 90%, 99%, highest",
            "Where nothing is wrong nearly all scores stay below 1 (dashed). If the median rises, the baseline does "
            "not fit any more, or everything changed at once.",
            [over_time(f"quantile({one}, {score})", f"{float(one):.0%}") for one in at],
            width=24,
            height=8,
            noValue=SILENT,
        ),
    ]
