"""Datasource health: can what it says be believed?"""

from board import annotations, dashboard, datasource_variable
from fields import Json, colored_text, named_values, override, steps, transform
from parts import PLAIN, lay_out, series, stat, table, timeline
from promql import SOURCE, annotation, columns, incident_regions, number_now, or_else, over_time, rows_now
from state import STATE, STATES, state


def on_prometheus() -> Json:
    """Needs no plugin."""
    said = annotation(
        "Alerts",
        'group by (alertname) (ALERTS{alertname=~"CausalDatasource.+", alertstate="firing"})',
        "{{alertname}}",
        "",
        "orange",
    )
    return dashboard(
        "health",
        "",
        "Whether causal-datasource works: stale, starting, warming up, and what it reads.",
        annotations=annotations(incident_regions(), said),
        templating={"list": [datasource_variable(SOURCE["type"])]},
        panels=lay_out(panels()),
    )


def panels() -> list[Json]:
    """Is the service itself well?"""
    own = "causal_datasource_"
    silent = "No sample of causal-datasource"
    small: Json = {"height": 4, "noValue": "not known"}
    return [
        state(4),
        stat(
            "Last success",
            "Time since an evaluation succeeded. Results older than five steps are withheld.",
            [number_now(f"time() - max(last_over_time({own}last_success_timestamp_seconds[$__range]))", "ago")],
            width=4,
            unit="s",
            decimals=0,
            thresholds=steps("green", "red", 300),
            **small,
        ),
        stat(
            "Points of the baseline",
            "Points that have samples, and points that the first fit waits for.",
            [number_now(f"max({own}points)", "there"), number_now(f"max({own}points_needed)", "needed")],
            width=5,
            **small,
        ),
        stat(
            "Variables",
            "Variables that are measured, and those of them that have too few points to be judged.",
            [number_now(f"max({own}variables)", "measured"), number_now(f"max({own}unjudged_variables)", "not judged")],
            width=5,
            **small,
        ),
        stat(
            "Notices and dropped series",
            "Things that the service's own page lists, and results left out because of evaluation.max_series.",
            [number_now(f"max({own}notices)", "notices"), number_now(f"max({own}dropped_series)", "dropped")],
            width=5,
            thresholds=steps("green", "orange", 1),
            **small,
        ),
        timeline(
            "State over time",
            "Whether it could be believed. Where it is dead or stale, results and alerts stand still.",
            [over_time(STATE, "causal-datasource")],
            width=16,
            height=4,
            mappings=named_values(STATES),
            noValue=silent,
        ),
        stat(
            "False alarms a day",
            "How many episodes were asked for (anomaly.false_alarms_per_day), and how many parts of the baseline show, "
            "each judged by the others.",
            [
                number_now(f"max({own}promised_false_alarms_per_day)", "asked"),
                number_now(f"max({own}supported_false_alarms_per_day)", "seen"),
            ],
            width=5,
            decimals=1,
            **small,
        ),
        stat(
            "Version",
            "Version of causal-datasource.",
            [number_now(or_else(f"max by (version) ({own}build_info)", "version", "not known"), "{{version}}")],
            width=3,
            thresholds=PLAIN,
            look={"textMode": "name"},
            **small,
        ),
        table(
            "What each signal brings",
            "How many entities the query of each signal returned, in which unit, and in which role. None means that "
            "its query matches nothing.",
            [
                rows_now(f"1 * ({own}signal_info)"),
                rows_now(f"max by (signal) ({own}signal_entities)"),
            ],
            height=8,
            noValue=silent,
            transformations=[
                transform("merge"),
                columns("Value #A", "job", "instance", order=("Value #B", "signal"), **{"Value #B": "entities"}),
                transform("sortBy", sort=[{"field": "entities"}]),
            ],
            overrides=[
                override(
                    "entities",
                    **colored_text(
                        custom__width=90,
                        thresholds=steps("red", "green", 1),
                    ),
                )
            ],
        ),
        series(
            "Entities",
            "Entities that can alarm and have samples, and those that were judged and have none any more.",
            [
                over_time(f"{own}entities", "{{type}}"),
                over_time(f"{own}vanished_entities", "{{type}} vanished"),
            ],
            height=8,
            min=0,
            decimals=0,
            noValue=silent,
        ),
        series(
            "Evaluations",
            "Evaluations begun and failed, per minute.",
            [
                over_time(f"60 * sum(rate({own}evaluations_total[$__rate_interval]))", "begun"),
                over_time(f"60 * sum(rate({own}evaluation_failures_total[$__rate_interval]))", "failed"),
            ],
            unit="cpm",
            min=0,
            noValue=silent,
        ),
        series(
            "Time an evaluation takes",
            "How long the last evaluation took; one with a refit takes longer.",
            [over_time(f"max({own}last_evaluation_duration_seconds)", "evaluation")],
            unit="s",
            min=0,
            noValue=silent,
        ),
        series(
            "Requests",
            "Requests answered, by endpoint and status code.",
            [
                over_time(
                    f"sum by (endpoint, code) (rate({own}http_requests_total[$__rate_interval]))",
                    "{{endpoint}} {{code}}",
                )
            ],
            unit="reqps",
            min=0,
            noValue=silent,
        ),
        series(
            "Time to answer",
            "95th percentile, by endpoint.",
            [
                over_time(
                    "histogram_quantile(0.95, sum by (endpoint, le) "
                    f"(rate({own}http_request_duration_seconds_bucket[$__rate_interval])))",
                    "{{endpoint}}",
                )
            ],
            unit="s",
            min=0,
            noValue=silent,
        ),
    ]
