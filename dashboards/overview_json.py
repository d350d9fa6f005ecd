"""Overview on the JSON plugin: who broke, since when, whom it hurts and what to do."""

from jsonplugin import ask, explain, incident_annotation, variables
from parts import (
    Json,
    annotations,
    colored_text,
    dashboard,
    fixed,
    hidden,
    lay_out,
    node_graph,
    override,
    row,
    scores,
    table,
    transform,
    wrapped,
)


def on_json() -> Json:
    """Asks causal-datasource itself."""
    chosen = {"entity": "$entity", "signal": "$signal"}
    return dashboard(
        "overview",
        "json-",
        "What is anomalous now, who caused it, whom it hurts, and what to do, asked of causal-datasource itself.",
        annotations=annotations(incident_annotation()),
        templating=variables("entity", "signal"),
        panels=lay_out(
            [
                table(
                    "Incidents",
                    "Anomalies that belong together in the time range above: who broke and how sure that is, since "
                    "when, what users feel, who else is affected, and what to do about it.",
                    [ask("incidents", entity="$entity")],
                    width=24,
                    height=8,
                    noValue="No incident in this time range",
                    transformations=[
                        transform(
                            "organize",
                            excludeByName={"incident": True, "end": True, "summary": True},
                            indexByName={
                                name: number
                                for number, name in enumerate(
                                    ("state", "root cause", "confidence", "start", "duration", "suggestion", "symptom")
                                )
                            },
                        )
                    ],
                    overrides=[
                        override("state", **colored_text(custom__width=70)),
                        override("root cause", **colored_text(color=fixed("red"), custom__width=150)),
                        override("confidence", custom__width=90),
                        override("start", unit="dateTimeAsLocal", custom__width=195),
                        override("duration", custom__width=100),
                        override("suggestion", **wrapped(300)),
                        override("symptom", custom__width=150),
                        override("gap", custom__width=80),
                        override("affected", custom__width=70),
                        override("who is affected", **wrapped()),
                    ],
                ),
                table(
                    "Anomalous now",
                    "Every anomalous entity, its worst signal, and the entity named as the cause. One that broke is "
                    "that cause itself; one that suffers is not.",
                    [ask("anomalies")],
                    width=14,
                    noValue="Nobody is said to be anomalous",
                    overrides=[
                        override("entity", links=explain(), custom__width=170),
                        override("verdict", **colored_text()),
                        override("root cause", custom__width=150),
                        *hidden("joint score", "sure"),
                    ],
                ),
                node_graph(
                    "Who acts on whom",
                    "The ring says who broke (red), suffers (orange), is anomalous for a reason not known (yellow) or "
                    "fine (green); the number is the worst causal score. Red arrows lead to where it is felt.",
                    [ask("causal_graph", show="entities", entity="$entity")],
                    width=10,
                ),
                row("Who broke, and who suffers"),
                scores(
                    "Causal anomaly score: who broke",
                    "The gap between the observed value and the one that its causes explain, over the width of the "
                    "interval. Above 1 (dashed) a variable does what its causes do not explain.",
                    [ask("anomaly_score", score="causal", **chosen)],
                ),
                scores(
                    "Marginal anomaly score: who suffers",
                    "The same against the variable's own season and level, whatever the causes do. Victims score "
                    "above 1 here and below 1 on the left.",
                    [ask("anomaly_score", score="marginal", **chosen)],
                ),
            ]
        ),
    )
