"""Incident on the JSON plugin: what happened, and what the gap comes from."""

from board import annotations, dashboard
from fields import Json, colored_text, ordered, override, sentences, widths
from jsonplugin import ask, explain, follow, incident_annotation, intervention_annotation, variables
from parts import lay_out, table

SAID = ("state", "start", "symptom", "summary", "suggestion", "seen before")
NUMBERS = ("incident", "end", "duration", "root cause", "confidence", "gap", "affected", "who is affected")
"""What the sentences say as well."""


def on_json() -> Json:
    """Asks causal-datasource itself."""
    return dashboard(
        "incident",
        "json-",
        "What the gap of a symptom comes from, and what is known of every incident.",
        annotations=annotations(incident_annotation(), intervention_annotation()),
        templating=variables("entity", "symptom"),
        panels=lay_out(
            [
                table(
                    "What happened, and what to do",
                    "Every incident in the time range above, in sentences, and earlier ones like it. Click a symptom "
                    "to see below what its gap comes from.",
                    [ask("incidents", entity="$entity")],
                    width=24,
                    height=9,
                    noValue="No incident in this time range",
                    transformations=[ordered(*SAID, without=NUMBERS)],
                    overrides=[
                        override("state", **colored_text()),
                        override("start", unit="dateTimeAsLocal"),
                        override("symptom", links=follow()),
                        *sentences("suggestion", "seen before"),
                        *widths(state=70, start=195, symptom=160, summary=400),
                    ],
                ),
                table(
                    "Root causes: ${symptom:text}",
                    "Whose changed behaviour the gap of a symptom comes from, and how much of it. Unless you choose "
                    "one, the symptoms are those that the users of the system feel.",
                    [ask("root_causes", symptom="${symptom:raw}")],
                    width=24,
                    height=8,
                    noValue="No symptom is said to be anomalous",
                ),
                table(
                    "Who is anomalous now",
                    "Those that broke, and those that suffer.",
                    [ask("anomalies")],
                    width=24,
                    height=8,
                    noValue="Nothing is anomalous",
                    overrides=[override("entity", links=explain()), override("verdict", **colored_text())],
                ),
            ]
        ),
    )
