"""Graph: who acts on whom, and why the graph thinks so."""

from board import annotations, dashboard, datasource_variable
from fields import Json, colored_text, fixed, line, override, sentences, steps, transform, widths
from parts import lay_out, node_graph, series, stat, table
from promql import SOURCE, columns, incident_regions, intervention_regions, number_now, over_time, rows_now

ENTITY_OF = "(.+)[.][^.]+"
"""What is before the signal in a variable's name."""

DOUBTED = '{standing=~"refuted|doubtful"}'

VERDICT_ARCS = {"broke": "red", "suffers": "orange", "anomalous": "yellow", "fine": "green"}


STANDINGS = {
    "refuted": "red",
    "confirmed": "green",
    "doubtful": "orange",
    "expert": "blue",
    "template": "text",
    "topology": "text",
    "discovered": "purple",
}
"""What an edge is by all that is said of it, the weightiest first, and its colour."""


def pairs(selector: str = "") -> str:
    """One series for each two entities of which one acts on the other: source and target.

    Of the entities that can alarm, where their names are known; else of all.
    """
    source = f'label_replace(causal_edge_info{selector}, "source", "$1", "cause", "{ENTITY_OF}")'
    ends = f'group by (source, target) (label_replace({source}, "target", "$1", "effect", "{ENTITY_OF}"))'
    others = f'{ends} unless label_replace(group by (source) ({ends}), "target", "$1", "source", "(.*)")'
    judged = f"group by (id) ({named('causal_service_anomaly')})"
    from_judged, to_judged = (f'label_replace({judged}, "{end}", "$1", "id", "(.*)")' for end in ("source", "target"))
    known = f"({others}) and on (source) {from_judged} and on (target) {to_judged}"
    return f"({known} or ({others}) unless on () ({known}))"


def named(expr: str) -> str:
    """An expression whose label `id` is the entity as the edges name it."""
    return f'label_join({expr}, "id", "/", "namespace", "service")'


def arc(verdict: str) -> str:
    """The field whose share of a node's ring is a verdict's."""
    return f"arc__{verdict}"


def copied(column: str, name: str) -> Json:
    """The transformation that adds a column of another name to the nodes."""
    binary = {"left": column, "operator": "*", "right": "1"}
    return transform("calculateField", only="/B/", mode="binary", binary=binary, alias=name)


def on_prometheus() -> Json:
    """Needs no plugin. Nodes are named as the edges name them: the values of an entity's labels, with slashes."""
    both = pairs()
    roots = 'label_replace(group by (root_cause) (causal_service_anomaly == 1), "source", "$1", "root_cause", "(.+)")'
    blamed = f'label_replace({both} and on (source) {roots}, "color", "red", "", "")'
    with_id = 'label_join({}, "id", " → ", "source", "target")'
    drawn = f"{with_id.format(blamed)} or ignoring (color) {with_id.format(both)}"
    doubted = f"group by (source, target) ({pairs(DOUBTED)})"
    dashed = f'label_replace({drawn} and on (source, target) {doubted}, "strokedasharray", "8 4", "", "")'
    everybody = named("causal_service_anomaly")
    cause, effect = (
        f'label_replace(group by ({end}) ({both}), "id", "$1", "{end}", "(.*)")' for end in ("source", "target")
    )
    ends = f"(group by (id) ({cause}) or group by (id) ({effect}))"

    def is_so(selector: str) -> str:
        return f"max by (id) ({named(f'causal_service_anomaly{{{selector}}} == 1')})"

    broke = is_so('is_root_cause="true"')
    suffers = is_so('is_root_cause="false", root_cause!=""')
    anomalous = is_so('is_root_cause="false", root_cause=""')
    arcs = {
        "broke": f"{broke} and {ends} or 0 * {ends}",
        "suffers": f"{suffers} and {ends} or 0 * {ends}",
        "anomalous": f"{anomalous} and {ends} or 0 * {ends}",
        "fine": f"0 * max by (id) ({everybody} == 1) and {ends} or {ends}",
    }
    worst = f"round(max by (id) ({named('causal_anomaly_score')}), 0.1) and {ends} or 0 * {ends}"
    titled = f'label_replace({worst}, "title", "$1", "id", "(?:.*/)?(.+)")'
    placed = f'label_replace({titled}, "subtitle", "$1", "id", "(.*)/.+")'
    names = {f"Value #{letter}": name for letter, name in zip("BCDEF", (*map(arc, arcs), "mainstat"), strict=True)}
    return dashboard(
        "graph",
        "",
        "The causal graph: who acts on whom, and the evidence for each edge.",
        annotations=annotations(incident_regions(), intervention_regions()),
        templating={"list": [datasource_variable(SOURCE["type"])]},
        panels=lay_out(
            [
                node_graph(
                    "Who acts on whom",
                    "Which entity acts on which. The ring says who broke (red), suffers (orange), is anomalous for a "
                    "reason not known (yellow) or fine (green); the number is the worst causal score. Red arrows "
                    "lead from who broke to those it acts on; of dashed ones an edge is refuted or doubtful.",
                    [
                        rows_now(f"{dashed} or on (source, target) ({drawn})"),
                        *(rows_now(one) for one in arcs.values()),
                        rows_now(placed),
                    ],
                    width=24,
                    height=17,
                    noValue="No graph: the datasource says nothing",
                    transformations=[
                        transform("merge", only="/^[B-F]$/"),
                        # The panel reads the names of fields, which renaming leaves as they are.
                        *(copied(column, name) for column, name in names.items()),
                        columns(*names),
                    ],
                    overrides=[
                        *(
                            override(arc(name), color=fixed(color), displayName=name)
                            for name, color in VERDICT_ARCS.items()
                        ),
                        override("mainstat", decimals=1, displayName="worst causal score"),
                    ],
                )
                | {"options": {"nodes": {"arcs": [{"field": arc(k), "color": v} for k, v in VERDICT_ARCS.items()]}}},
                *_evidence(),
            ]
        ),
    )


def _evidence() -> list[Json]:
    """How much of the graph holds, how that changed, and each edge."""
    order = ("cause", "effect", "lag", "relation", "standing", "evidence")
    first = ("refuted", "doubtful", "confirmed")
    ranked = (f'{len(first) - place} * causal_edge_info{{standing="{one}"}}' for place, one in enumerate(first))
    weightiest = " or ".join([*ranked, f'0 * causal_edge_info{{standing!~"{"|".join(first)}"}}'])
    colors = {name: {"color": color, "index": place} for place, (name, color) in enumerate(STANDINGS.items())}
    small: Json = {"height": 5, "noValue": "not tested yet"}
    return [
        stat(
            "Independences that fail",
            "The graph implies that some variables are independent of others, given their causes. So many of these "
            "fail in the data; above a tenth the graph is told to be contradicted.",
            [number_now("max(causal_graph_contradictions / causal_graph_independences)", "fail")],
            width=6,
            unit="percentunit",
            decimals=1,
            thresholds=steps("green", "red", 0.1),
            **small,
        ),
        stat(
            "Shuffled graphs that fit as well",
            "Share of graphs with shuffled names of which no more independences fail. Above 5% the graph is no better "
            "than chance.",
            [number_now("max(causal_graph_shuffled_p_value)", "fit")],
            width=6,
            unit="percentunit",
            decimals=0,
            thresholds=steps("green", "red", 0.05),
            **small,
        ),
        series(
            "What the edges are",
            "Edges by the weightiest of all that is said of them, and the version of the graph, which grows with each "
            "change.",
            [
                over_time("sum by (standing) (causal_graph_edges) > 0", "{{standing}}"),
                over_time("max(causal_graph_version)", "version"),
            ],
            width=12,
            height=5,
            noValue="No graph: the datasource says nothing",
            overrides=[line(name, color) for name, color in STANDINGS.items() if color != "text"],
        ),
        table(
            "Why each edge is there",
            "Cause and effect, after how many steps, along which relation, what the edge is by all that is said of it, "
            "and what it rests on; refuted and doubtful ones first.",
            [rows_now(weightiest)],
            width=24,
            height=12,
            noValue="No graph: the datasource says nothing",
            transformations=[
                transform("sortBy", sort=[{"field": "Value", "desc": True}]),
                columns("Value", "job", "instance", order=order),
            ],
            overrides=[
                override("standing", mappings=[{"type": "value", "options": colors}], **colored_text()),
                *widths(lag=70, relation=150, standing=120, evidence=220),
            ],
        ),
        table(
            "What data say against the graph",
            "Independences that the graph implies and that fail in the data: an edge is missing, or something that "
            "nobody measures moves both. Given its causes, the variable should not explain any of the effect. The 20 "
            "clearest.",
            [rows_now("causal_graph_contradiction")],
            width=24,
            height=8,
            noValue="Nothing, or the graph is not tested yet",
            transformations=[
                columns("job", "instance", order=("variable", "effect", "given", "Value"), Value="explained"),
                transform("sortBy", sort=[{"field": "explained", "desc": True}]),
            ],
            overrides=[
                override("explained", unit="percentunit", decimals=1, custom__width=95),
                *sentences("given"),
                *widths(variable=260, effect=260),
            ],
        ),
        table(
            "Mechanisms that are other ones",
            "Whose mechanism is another one in which cluster, version or time, beyond chance: its slopes on its "
            "causes, its level, or its noise. Compared where the settings say invariance: {}.",
            [rows_now("causal_mechanism_shift_score > 1")],
            width=24,
            height=7,
            noValue="None, or mechanisms are not compared",
            transformations=[
                columns(
                    *("__name__", "job", "instance"),
                    order=("Value", "signal", "service", "namespace"),
                    mechanism_environment="where",
                    mechanism_part="part",
                    Value="score",
                ),
                transform("sortBy", sort=[{"field": "score", "desc": True}]),
            ],
            overrides=[override("score", decimals=2, custom__width=80)],
        ),
    ]
