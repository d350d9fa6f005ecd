"""Anomaly explained on the JSON plugin: how a score comes about, step by step."""

from board import annotations, dashboard
from fields import Json, colored_text, fixed, override, transform
from jsonplugin import BAND, CHOSEN, NO_SCORES, ask, colored, incident_annotation, intervention_annotation, variables
from parts import SCORE, lay_out, row, scores, series, table

EVERY_NUMBER = {
    "causal_anomaly_score": "causal score",
    "causal_marginal_anomaly_score": "marginal score",
    "causal_observed_value": "observed",
    "causal_expected_value": "expected",
    "causal_expected_lower": "lower",
    "causal_expected_upper": "upper",
    "client_namespace": "client in",
    "server_namespace": "server in",
}
FIRST = {name: number for number, name in enumerate(("signal", "service", "namespace", *EVERY_NUMBER))}
NUMBERS = "causal_(marginal_)?anomaly_score|causal_observed_value|causal_expected_(value|lower|upper)"


def on_json() -> Json:
    """Asks causal-datasource itself."""
    dashed = {"fill": "dash", "dash": [6, 4]}
    widths = override("/width$/", matcher="byRegexp", color=fixed("blue"), custom__lineStyle=dashed)
    return dashboard(
        "anomaly",
        "json-",
        "How the score of one variable comes about, step by step.",
        annotations=annotations(incident_annotation(), intervention_annotation()),
        templating=variables("entity", "signal", single=True),
        panels=lay_out(
            [
                series(
                    "1. Observed and expected: ${entity} ${signal}",
                    "The expected value is what the mechanism predicts from the actual values of the causes, never "
                    "from the variable's own past. The band is its interval.",
                    [ask("expected_value", score="causal", **CHOSEN)],
                    noValue=NO_SCORES,
                    overrides=BAND,
                ),
                series(
                    "2. The gap, and the widths of the interval",
                    "Observed minus expected, between the two ends of the interval minus expected (dashed).",
                    [ask("expected_value", score="causal", **CHOSEN)],
                    noValue=NO_SCORES,
                    transformations=[
                        minus_expected("observed", "gap"),
                        minus_expected("lower", "lower width"),
                        minus_expected("upper", "upper width"),
                        transform("filterFieldsByName", include={"pattern": "/[Tt]ime|gap|width/"}),
                    ],
                    overrides=[colored("text", "gap"), widths],
                ),
                scores(
                    "3. Gap over width: the score",
                    "The gap divided by the width on the side that it crosses. Of signals that hurt only when they "
                    "rise, such as errors, a gap downwards scores 0.",
                    [ask("anomaly_score", score="causal", **CHOSEN)],
                    width=24,
                    height=7,
                    noValue=NO_SCORES,
                ),
                table(
                    "4. Persistence: what counts",
                    "One point above 1 is no anomaly yet; it counts once enough of the latest points are "
                    "(anomaly.persistence in causal.yaml). These stretches counted; those that belong together are an "
                    "incident, which the panels above mark.",
                    [ask("episodes", **CHOSEN)],
                    width=24,
                    height=5,
                    noValue="No stretch counted in this time range",
                    transformations=[
                        transform(
                            "organize",
                            excludeByName={"id": True, "tags": True},
                            renameByName={"time": "from", "timeEnd": "to", "title": "what", "text": "how much"},
                        )
                    ],
                    overrides=[override(name, unit="dateTimeAsLocal", custom__width=195) for name in ("from", "to")],
                ),
                series(
                    "Beside it: expected from season and level alone",
                    "What the marginal score compares with: the usual value for the time of day, without a look at the "
                    "causes.",
                    [ask("expected_value", score="marginal", **CHOSEN)],
                    noValue=NO_SCORES,
                    width=24,
                    overrides=BAND,
                ),
                row("Every number"),
                table(
                    "Every variable now",
                    "Both scores, the observed value, and the expected one with its interval, as exported.",
                    [ask("metric", name=NUMBERS)],
                    width=24,
                    height=12,
                    noValue="No variable is measured",
                    transformations=[
                        transform("merge"),
                        transform("organize", renameByName=EVERY_NUMBER, indexByName=FIRST),
                    ],
                    overrides=[
                        override(name, **colored_text(thresholds=SCORE, decimals=2, custom__width=120))
                        for name in ("causal score", "marginal score")
                    ],
                ),
            ]
        ),
    )


def minus_expected(field: str, alias: str) -> Json:
    """The transformation that adds how far a line lies above the expected value."""
    return transform(
        "calculateField",
        mode="binary",
        binary={"left": field, "operator": "-", "right": "expected"},
        alias=alias,
    )
