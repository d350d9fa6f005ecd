"""Graph on the JSON plugin: who acts on whom, why, and what speaks against it."""

from board import annotations, dashboard, uid
from fields import P_VALUE, Json, link, ordered, override, sentences, widths
from jsonplugin import ask, incident_annotation, variables
from parts import lay_out, node_graph, table


def _to_entity(field: str) -> Json:
    """The override whose click shows the raw series of a node's entity, named by a field."""
    where = f"/d/{uid('anomaly', 'json-')}?var-entity=${{__data.fields.{field}}}&${{datasource:queryparam}}"
    return override("title", links=link("Scores and series", f"{where}&${{__url_time_range}}"))


_EDGES = [
    override(
        "source",
        links=link("Effects", f"/d/{uid('effects', 'json-')}?${{datasource:queryparam}}&${{__url_time_range}}"),
    )
]
"""The override whose click on an edge shows effects."""


def on_json() -> Json:
    """Asks causal-datasource itself."""
    return dashboard(
        "graph",
        "json-",
        "The causal graph of entities and of variables.",
        annotations=annotations(incident_annotation()),
        templating=variables("entity"),
        panels=lay_out(
            [
                node_graph(
                    "Who acts on whom",
                    "Which entity acts on which, and through which signals. The ring says who broke (red), suffers "
                    "(orange), is anomalous for a reason not known (yellow) or fine (green); the number is the worst "
                    "causal score. Red arrows lead from who broke to where it is felt.",
                    [ask("causal_graph", show="entities", entity="$entity")],
                    width=24,
                    height=14,
                    noValue="No graph yet: the baseline warms up, or nobody of those chosen is in it",
                    overrides=[_to_entity("id"), *_EDGES],
                ),
                node_graph(
                    "What acts on what",
                    "Variables: what explains what. Lags are counted in steps; the details of an edge say why it is "
                    "there. Edges are as thick as they are strong; green ones were confirmed by an intervention, red "
                    "ones refuted, orange ones are doubtful. Choose entities above to read it: of many variables, "
                    "entities are shown.",
                    [ask("causal_graph", show="variables", entity="$entity")],
                    width=24,
                    height=14,
                    noValue="No graph yet: the baseline warms up, or nobody of those chosen is in it",
                    overrides=[_to_entity("subtitle"), *_EDGES],
                ),
                *_told(),
            ]
        ),
    )


def _told() -> list[Json]:
    """The edges, and what is said of them."""
    return [
        table(
            "Edges and their evidence",
            "Why each edge is there, how strong it is, and what speaks against it; refuted and doubtful ones first.",
            [ask("graph_edges", entity="$entity")],
            width=24,
            height=10,
            noValue="No edge at those chosen",
            transformations=[ordered(without=("since", "standing_since"))],
            overrides=[
                *sentences("evidence"),
                *widths(cause=215, effect=350, lag=50, relation=80, standing=85, strength=80),
            ],
        ),
        table(
            "What data say against the graph",
            "Independences that the graph implies and that fail in the data: an edge is missing, or something that "
            "nobody measures moves both.",
            [ask("graph_contradictions")],
            width=24,
            height=8,
            noValue="Nothing in the data speaks against the graph",
            overrides=[
                override("p_value", displayName="p-value", **P_VALUE, custom__width=85),
                override("adjusted", **P_VALUE),
                *sentences("given"),
                *widths(variable=260, effect=260, explained=95, adjusted=95),
            ],
        ),
        table(
            "What data propose",
            "What the graph lacks and the data propose, and what they doubt of it, where graph.discover is set; "
            "causal-datasource graph accept takes it into the settings.",
            [ask("discovered_edges")],
            width=24,
            height=7,
            noValue="Nothing is proposed",
            overrides=widths(cause=260, effect=260, what=180, lag=50, strength=85, stability=85),
        ),
        table(
            "Mechanisms that are other ones",
            "Whose mechanism is another one in which cluster, version or time, beyond chance, where the settings say "
            "invariance: {}.",
            [ask("mechanism_shifts")],
            width=24,
            height=7,
            noValue="No mechanism is another one anywhere",
            overrides=[
                override("score", decimals=2),
                override("p_value", displayName="p-value", **P_VALUE, custom__width=85),
                *widths(variable=260, environment=220, part=80, score=80),
            ],
        ),
        table(
            "Versions",
            "Each change of the graph: when, by whom, why, and which edges.",
            [ask("graph_versions")],
            width=24,
            height=7,
            noValue="The graph has no versions yet",
            overrides=widths(Time=165, version=80, author=130, edges=80),
        ),
        table(
            "Associations",
            "A first look: which variables of the chosen entities move together, at which lag. It says nothing of "
            "cause and effect.",
            [ask("associations", entity="$entity")],
            width=24,
            height=8,
            noValue="No two of those chosen move together",
            overrides=[
                override("p_value", displayName="p-value", **P_VALUE),
                *widths(variable=260, later=260),
            ],
        ),
    ]
