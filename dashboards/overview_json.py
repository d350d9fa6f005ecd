"""Overview on the JSON plugin: who broke, since when, whom it hurts and what to do."""

from board import annotations, dashboard
from fields import Json, colored_text, fixed, hidden, highest, ordered, override, sentences, widths
from jsonplugin import CHOSEN, NO_SCORES, ask, explain, incident_annotation, intervention_annotation, variables
from parts import lay_out, node_graph, row, scores, table

INCIDENTS = ("state", "root cause", "duration", "suggestion", "symptom", "gap", "start", "confidence", "affected")
ELSEWHERE = ("incident", "end", "summary", "who is affected", "seen before")
"""What the dashboard of incidents shows."""


def on_json() -> Json:
    """Asks causal-datasource itself."""
    return dashboard(
        "overview",
        "json-",
        "What is anomalous now, who caused it, whom it hurts, and what to do, asked of causal-datasource itself.",
        annotations=annotations(incident_annotation(), intervention_annotation()),
        templating=variables("entity", "signal"),
        panels=lay_out([*who(), *over_time()]),
    )


def who() -> list[Json]:
    """Who broke, what to do, and whom it hurts."""
    return [
        table(
            "Incidents",
            "Anomalies that belong together in the time range above: who broke and how sure that is, for how long, "
            "what users feel, how many are affected, and what to do about it.",
            [ask("incidents", entity="$entity")],
            width=24,
            height=7,
            noValue="No incident in this time range",
            transformations=[ordered(*INCIDENTS, without=ELSEWHERE)],
            overrides=[
                override("state", **colored_text()),
                override("root cause", **colored_text(color=fixed("red"))),
                override("start", unit="dateTimeAsLocal"),
                *sentences("suggestion"),
                *widths(state=70, root_cause=170, duration=100, symptom=170, gap=80, start=195),
                *widths(confidence=95, affected=75),
            ],
        ),
        table(
            "Anomalous now",
            "Every anomalous entity, its worst signal, and the entity named as the cause. One that broke is that cause "
            "itself; one that suffers is not.",
            [ask("anomalies")],
            width=14,
            noValue="Nothing is anomalous",
            overrides=[
                override("entity", links=explain()),
                override("verdict", **colored_text()),
                *widths(entity=170, root_cause=150),
                *hidden("joint score", "sure"),
            ],
        ),
        node_graph(
            "Who acts on whom",
            "The ring says who broke (red), suffers (orange), is anomalous for a reason not known (yellow) or fine "
            "(green); the number is the worst causal score. Red arrows lead to where it is felt.",
            [ask("causal_graph", show="entities", entity="$entity")],
            width=10,
            noValue="No graph yet: the baseline warms up, or nobody of those chosen is in it",
        ),
    ]


def over_time() -> list[Json]:
    """The two scores side by side."""
    return [
        row("Who broke, and who suffers: scores of those that were above 1"),
        scores(
            "Causal anomaly score: who broke",
            "The gap between the observed value and the one that its causes explain, over the width of the interval. "
            "Above 1 (dashed) a variable does what its causes do not explain.",
            [ask("anomaly_score", score="causal", only="anomalous", **CHOSEN)],
            noValue=NO_SCORES,
            overrides=[highest()],
        ),
        scores(
            "Marginal anomaly score: who suffers",
            "The same against the variable's own season and level, whatever the causes do. Victims score above 1 here "
            "and below 1 on the left.",
            [ask("anomaly_score", score="marginal", only="anomalous", **CHOSEN)],
            noValue=NO_SCORES,
            overrides=[highest()],
        ),
    ]
