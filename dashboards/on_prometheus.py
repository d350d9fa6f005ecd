"""The dashboard on Grafana's built-in Prometheus datasource, over the exported metrics alone.

Entities have other labels in every installation; `signal` is the one that every score has. So nothing is aggregated by
an entity's labels, series are named by Grafana, and "All" of a variable also matches where its label is absent.
"""

from parts import (
    PLAIN,
    SCORE,
    Json,
    annotations,
    band,
    dashboard,
    datasource_variable,
    filters_variable,
    lay_out,
    line,
    named_values,
    override,
    row,
    scores,
    series,
    stat,
    table,
    timeline,
    transform,
)
from prometheus_effects import effects, effects_in_detail
from prometheus_parts import ENTITY, SOURCE, VARIABLE, columns, explore, number_now, only, over_time, rows_now, variable

WORST = f"topk(1, causal_anomaly_score{{{VARIABLE}}} @ end())"
"""The variable to explain: of those chosen the one that scores highest at the end of the time range."""


def on_prometheus() -> Json:
    """The dashboard that needs no plugin."""
    return dashboard(
        "causal-prometheus",
        "Causal: effects and root causes (Prometheus)",
        "What is anomalous, who caused it, and what causes what, from the metrics that causal-datasource exports.",
        annotations=annotations(
            {
                "name": "Incidents",
                "datasource": SOURCE,
                "expr": "causal_incident_info",
                "step": "30s",
                "titleFormat": "Incident: {{symptom}}",
                "textFormat": "root cause: {{root_cause}}",
            }
        ),
        templating={
            "list": [
                datasource_variable(SOURCE["type"]),
                variable("namespace", "Namespace"),
                variable("service", "Service", 'causal_anomaly_score{namespace=~"$namespace"}'),
                variable("signal", "Signal", f"causal_anomaly_score{{{ENTITY}}}"),
                filters_variable(SOURCE),
            ]
        },
        panels=lay_out([*now(), *who(), *why(), *effects(), *effects_in_detail(), *health()]),
    )


def now() -> list[Json]:
    """What is wrong, and whose fault it is."""
    anomaly = f"causal_service_anomaly{{{ENTITY}}}"
    broke = f'causal_service_anomaly{{{ENTITY}, is_root_cause="true"}}'
    suffers = f'causal_service_anomaly{{{ENTITY}, is_root_cause="false"}}'
    contribution = "causal_root_cause_contribution"
    named = "* on (incident) group_left (symptom, root_cause) causal_incident_info"
    states = {0: ("fine", "green"), 1: ("anomalous", "orange"), 2: ("broke", "red")}
    by_name = {"true": {"text": "broke", "color": "red"}, "false": {"text": "anomalous", "color": "orange"}}
    return [
        row("What is wrong now, and who caused it"),
        stat(
            "Incidents and anomalous entities",
            "How many incidents are open, and how many of the entities chosen are anomalous, whoever caused it.",
            [number_now("max(causal_incidents)", "incidents"), number_now(f"sum({anomaly})", "anomalous")],
            width=4,
            height=7,
            thresholds=SCORE,
        ),
        table(
            "Open incidents",
            "Anomalies that belong together: since when, what users feel, the surest root cause, and how many entities "
            "are affected. The page of causal-datasource and its JSON dashboard tell more.",
            [
                rows_now(f"causal_incident_affected_entities {named}"),
                rows_now(f"(time() - causal_incident_start_timestamp_seconds) {named}"),
            ],
            width=20,
            height=7,
            transformations=[
                transform("merge"),
                columns("__name__", **{"Value #A": "affected entities", "Value #B": "open for"}),
            ],
            overrides=[override("open for", unit="s", decimals=0)],
        ),
        table(
            "Anomalies now",
            "Every anomalous entity and the one named as its cause. An entity that broke is that cause itself; where "
            "root_cause is empty, no single one explains enough.",
            [rows_now(f"{anomaly} == 1")],
            width=24,
            height=7,
            transformations=[columns("__name__", "Value", is_root_cause="verdict")],
            overrides=[
                only("namespace"),
                only("service"),
                override(
                    "verdict",
                    mappings=[{"type": "value", "options": by_name}],
                    custom__cellOptions={"type": "color-text"},
                ),
            ],
        ),
        timeline(
            "Verdicts over time",
            "When each entity was anomalous, and whether it broke itself.",
            [over_time(f"max without (root_cause, is_root_cause) ({suffers} or 2 * {broke})")],
            mappings=named_values(states),
        ),
        table(
            "Root causes",
            "Whose changed behaviour the gap of a symptom comes from: in the symptom's unit, and as a share. "
            "The symptoms are those that the users of the system feel.",
            [
                rows_now(f"sort_desc({contribution})"),
                rows_now(f"{contribution} / on (symptom) group_left sum by (symptom) ({contribution})"),
            ],
            transformations=[
                transform("merge"),
                columns("__name__", **{"Value #A": "contribution", "Value #B": "share"}),
            ],
            overrides=[
                only("namespace"),
                only("service"),
                override("share", unit="percentunit", min=0, max=1, custom__cellOptions={"type": "gauge"}),
            ],
        ),
    ]


def who() -> list[Json]:
    """The two scores side by side."""
    selected = "namespace=~'${namespace:pipe}',service=~'${service:pipe}',signal='${__field.labels.signal}'"
    links = explore("Observed value in Explore", f"causal_observed_value{{{selected}}}")
    return [
        row("Who broke, and who suffers"),
        scores(
            "Causal anomaly score: who broke",
            "The gap between the observed value and the one that its causes explain, over the width of the interval. "
            "Above 1 (dashed) a variable does what its causes do not explain.",
            [over_time(f"causal_anomaly_score{{{VARIABLE}}}")],
            links=links,
        ),
        scores(
            "Marginal anomaly score: who suffers",
            "The same against the variable's own season and level, whatever the causes do: what an ordinary anomaly "
            "detector shows. Victims score above 1 here and below 1 on the left.",
            [over_time(f"causal_marginal_anomaly_score{{{VARIABLE}}}")],
            links=links,
        ),
        scores(
            "Joint anomaly score: many small gaps at once",
            "All causal scores of a service together, the highest of the newest points. Above 1 (dashed) several "
            "signals are a little off at once, which none of them has to show alone.",
            [over_time(f"causal_joint_anomaly_score{{{ENTITY}}}")],
            width=24,
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
    verdict = f"max without (root_cause, is_root_cause) (causal_service_anomaly{{{ENTITY}}})"
    return [
        row("How a score comes about, step by step: of the variables chosen, the one that scores highest"),
        table(
            "Which variable is explained",
            "Of those chosen above, the variable that scores highest at the end of the time range.",
            [rows_now(WORST)],
            width=24,
            height=4,
            transformations=[columns("__name__", Value="score")],
            overrides=[override("score", decimals=2, thresholds=SCORE, custom__cellOptions={"type": "color-text"})],
        ),
        series(
            "1. Observed and expected",
            "The expected value is what the mechanism predicts from the actual values of the causes, never from the "
            "variable's own past. The band is its interval. In the unit of the signal.",
            [
                over_time(f"{observed} and {WORST}", "observed"),
                over_time(f"{expected} and {WORST}", "expected"),
                over_time(f"{lower} and {WORST}", "lower"),
                over_time(f"{upper} and {WORST}", "upper"),
            ],
            overrides=[line("observed", "text"), line("expected", "blue", dashed=True), *band("lower", "upper")],
        ),
        series(
            "2. The gap, and the widths of the interval",
            "Observed minus expected, and the two ends of the interval minus expected.",
            [
                over_time(f"{up} and {WORST}", "gap"),
                over_time(f"({lower} - {expected}) and {WORST}", "lower width"),
                over_time(f"({upper} - {expected}) and {WORST}", "upper width"),
            ],
            overrides=[line("gap", "text"), *band("lower width", "upper width")],
        ),
        series(
            "3. Gap over width: the score",
            "The gap divided by the width on the side that it crosses; above 1 it leaves the interval. Of signals that "
            "hurt only when they rise, such as errors, a gap downwards scores 0.",
            [over_time(f"{over_width} and {WORST}", "gap / width"), over_time(f"{score} and {WORST}", "score")],
            min=0,
            thresholds=SCORE,
            custom={"thresholdsStyle": {"mode": "dashed"}},
            overrides=[line("gap / width", "blue", dashed=True), line("score", "text")],
        ),
        timeline(
            "4. Persistence: what counts",
            "One point above 1 is no anomaly yet. The entity is anomalous once enough of its latest points are "
            "(anomaly.persistence in causal.yaml).",
            [
                over_time(f"({score} > bool 1) and {WORST}", "above 1"),
                over_time(f"{verdict} and ignoring (signal) {WORST}", "anomalous"),
            ],
            mappings=named_values({0: ("no", "green"), 1: ("yes", "red")}),
        ),
    ]


def health() -> list[Json]:
    """Is the service itself well?"""
    own = "causal_datasource_"
    late = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 300}]}
    return [
        row("Is causal-datasource itself well?"),
        stat(
            "Last success",
            "Time since an evaluation succeeded. Results older than five steps are withheld.",
            [number_now(f"time() - max({own}last_success_timestamp_seconds)", "ago")],
            width=4,
            height=5,
            unit="s",
            decimals=0,
            thresholds=late,
        ),
        stat(
            "Points of the baseline",
            "Points that have samples, and points that the first fit waits for.",
            [number_now(f"max({own}points)", "there"), number_now(f"max({own}points_needed)", "needed")],
            width=6,
            height=5,
        ),
        stat(
            "Variables",
            "Variables that are measured.",
            [number_now(f"max({own}variables)", "variables")],
            width=4,
            height=5,
        ),
        stat(
            "Notices and dropped series",
            "Things that the service's own page lists, and results left out because of evaluation.max_series.",
            [number_now(f"max({own}notices)", "notices"), number_now(f"max({own}dropped_series)", "dropped")],
            width=6,
            height=5,
            thresholds=SCORE,
        ),
        stat(
            "Version",
            "Version of causal-datasource.",
            [number_now(f"max by (version) ({own}build_info)", "{{version}}")],
            width=4,
            height=5,
            thresholds=PLAIN,
        )
        | {"options": {"textMode": "name", "graphMode": "none", "colorMode": "value"}},
        series(
            "Evaluations",
            "Evaluations begun and failed, per minute.",
            [
                over_time(f"60 * sum(rate({own}evaluations_total[$__rate_interval]))", "begun"),
                over_time(f"60 * sum(rate({own}evaluation_failures_total[$__rate_interval]))", "failed"),
            ],
            width=8,
            unit="cpm",
            min=0,
        ),
        series(
            "Time an evaluation takes",
            "How long the last evaluation took; one with a refit takes longer.",
            [over_time(f"max({own}last_evaluation_duration_seconds)", "evaluation")],
            width=8,
            unit="s",
            min=0,
        ),
        series(
            "Entities a signal returns",
            "How many entities the query of each signal returned. None means that its query matches nothing.",
            [over_time(f"max by (signal) ({own}signal_entities)", "{{signal}}")],
            width=8,
            min=0,
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
        ),
    ]
