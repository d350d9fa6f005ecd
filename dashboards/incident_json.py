"""Incident on the JSON plugin: what happened, and what the gap comes from."""

from incident import NONE
from jsonplugin import ask, explain, follow, incident_annotation, variables
from parts import Json, annotations, colored_text, dashboard, lay_out, override, table, transform, wrapped


def on_json() -> Json:
    """Asks causal-datasource itself."""
    return dashboard(
        "incident",
        "json-",
        "What the gap of a symptom comes from, and what is known of every incident.",
        annotations=annotations(incident_annotation()),
        templating=variables("entity", "symptom"),
        panels=lay_out(
            [
                table(
                    "What happened, and what to do",
                    "Every incident in the time range above, in sentences.",
                    [ask("incidents", entity="$entity")],
                    width=24,
                    height=8,
                    noValue=NONE,
                    transformations=[
                        transform(
                            "filterFieldsByName",
                            include={
                                "names": [
                                    *("state", "start", "end", "root cause", "symptom"),
                                    *("summary", "suggestion", "seen before"),
                                ]
                            },
                        )
                    ],
                    overrides=[
                        override("state", **colored_text(custom__width=70)),
                        *(override(name, unit="dateTimeAsLocal", custom__width=195) for name in ("start", "end")),
                        override("root cause", custom__width=150),
                        override("symptom", links=follow(), custom__width=150),
                        *(override(name, **wrapped()) for name in ("summary", "suggestion", "seen before")),
                    ],
                ),
                table(
                    "Root causes: ${symptom:text}",
                    "Whose changed behaviour the gap of a symptom comes from, and how much of it. Unless you choose "
                    "one, the symptoms are those that the users of the system feel.",
                    [ask("root_causes", symptom="${symptom:raw}")],
                    width=24,
                    height=9,
                    noValue="No symptom is said to be anomalous",
                ),
                table(
                    "Who is anomalous now",
                    "Those that broke, and those that suffer.",
                    [ask("anomalies")],
                    width=24,
                    height=8,
                    noValue="Nobody is said to be anomalous",
                    overrides=[override("entity", links=explain())],
                ),
            ]
        ),
    )
