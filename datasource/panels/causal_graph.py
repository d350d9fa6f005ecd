"""Panel: the causal graph as Grafana's node graph."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import isfinite, nan

from datasource.data import Entity, Variable
from datasource.graph import EVERYWHERE, Edge
from datasource.graph.unmeasured import spoken
from datasource.panels.choices import ENTITY
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot

_SHOW = [("entities", "entities"), ("variables", "variables")]
_META = {"preferredVisualisationType": "nodeGraph"}
_MOST_NODES = 300
_READABLE = 60
"""Variables, beyond which only those are shown that tell something, as long as nobody chose entities."""
_FEW = "those that are anomalous and what acts on them, or else the first ones"
_COLORS = {
    "broke": "#F2495C",
    "suffers": "#FF9830",
    "anomalous": "#FADE2A",
    "fine": "#73BF69",
    "not judged": "#CCCCDC",
    "not measured": "#8E8E8E",
}
"""What a ring says, and in which color: one of these, whole."""
_BLAME, _PLAIN = _COLORS["broke"], "#6E7077"


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Two frames, nodes and edges: of variables, those that nobody measures in grey with dashed edges, or of entities
    with their edges folded together."""
    show = query.one("show", "entities")
    if show not in dict(_SHOW):
        raise QueryError(f"show '{show}' is unknown; use 'entities' or 'variables'")
    every = {v.entity for v in snapshot.matrix.variables if v.entity.type != "call" or show == "variables"}
    entities = sorted(entity for entity in every if query.passes(dict(entity.labels)))
    kept = set(query.wanted("entity", entities))
    if show == "entities":
        nodes, edges = sorted(kept), _folded(snapshot, kept)
        worst, states = _worst(snapshot), _states(snapshot)
        return _lay_out(
            [(str(e), e.name, e.type) for e in nodes],
            edges,
            {str(e): worst.get(e, nan) for e in nodes},
            {str(e): states.get(e, "fine" if e in worst else "not judged") for e in nodes},
            {(str(cause), str(effect)) for cause, effect in _blame(snapshot)},
        )
    variables = [v for v in snapshot.matrix.variables if v.entity in kept]
    unmeasured = _unmeasured(snapshot, kept)
    states = _states(snapshot)
    said = {v: _state(snapshot, v, states.get(v.entity, "fine")) for v in variables}
    blame = _blame(snapshot)
    notices: tuple[str, ...] = ()
    if query.takes_all("entity") and len(variables) > _READABLE:
        few = _telling(snapshot, variables, said)
        notices = (f"{len(few)} of {len(variables)} variables are shown, {_FEW}; choose entities to see theirs",)
        variables, unmeasured = [v for v in variables if v in few], [v for v in unmeasured if v in few]
    shown = {*variables, *unmeasured}
    laid = _lay_out(
        [
            *((str(v), v.signal, str(v.entity)) for v in variables),
            *((str(v), spoken(v._replace(entity=EVERYWHERE)), str(v.entity) or "everywhere") for v in unmeasured),
        ],
        [
            (str(e.cause), str(e.effect), _lag(e), _why(e))
            for e in snapshot.graph.edges
            if e.cause in shown and e.effect in shown
        ],
        {str(v): _score(snapshot, v) for v in variables},
        {str(v): state for v, state in said.items()},
        {
            (str(e.cause), str(e.effect))
            for e in snapshot.graph.edges
            if (e.cause.entity, e.effect.entity) in blame
            and not {said.get(e.cause, "fine"), said.get(e.effect, "fine")} & {"fine", "not judged"}
        },
    )
    return [replace(one, notices=(*one.notices, *notices)) if one.name == "nodes" else one for one in laid]


def _telling(snapshot: Snapshot, variables: Sequence[Variable], said: Mapping[Variable, str]) -> set[Variable]:
    """Those that are anomalous and what acts on them; where nothing is anomalous, the first ones."""
    anomalous = {variable for variable, state in said.items() if state not in ("fine", "not judged")}
    if not anomalous:
        return set(variables[:_READABLE])
    return anomalous | {e.cause for e in snapshot.graph.edges if e.effect in anomalous}


def _states(snapshot: Snapshot) -> dict[Entity, str]:
    """What is said of those that are anomalous, or named as the cause."""
    verdicts = snapshot.judgement.verdicts if snapshot.judgement else ()
    said = {one.entity: "suffers" if one.root_cause else "anomalous" for one in verdicts}
    return said | {one.root_cause: "broke" for one in verdicts if one.root_cause}


def _state(snapshot: Snapshot, variable: Variable, state: str) -> str:
    """What is said of a variable: that of its entity (`state`), where it is above 1 itself."""
    scores = snapshot.judgement.scores.get(variable) if snapshot.judgement else None
    if scores is None:
        return "not judged"
    causal, marginal = float(scores.causal.score[-1]), float(scores.marginal.score[-1])
    if not isfinite(causal) and not isfinite(marginal):
        return "not judged"
    if state == "broke" and not causal > 1:
        return "suffers" if marginal > 1 else "fine"
    return state if causal > 1 or marginal > 1 else "fine"


def _blame(snapshot: Snapshot) -> set[tuple[Entity, Entity]]:
    """Between whom what is felt came from who broke."""
    verdicts = snapshot.judgement.verdicts if snapshot.judgement else ()
    return {(step.cause, step.effect) for one in verdicts if one.root_cause for step in one.causes.path}


def _unmeasured(snapshot: Snapshot, kept: set[Entity]) -> list[Variable]:
    """The unmeasured variables of the entities, and those elsewhere that act on them or that they act on."""
    touched = {v for e in snapshot.graph.edges if kept & {e.cause.entity, e.effect.entity} for v in (e.cause, e.effect)}
    return sorted(v for v in snapshot.graph.unmeasured if v.entity in kept or v in touched)


def _folded(snapshot: Snapshot, kept: set[Entity]) -> list[tuple[str, str, str, str]]:
    """Between two entities one edge a direction, saying which signals act on which."""
    pairs: dict[tuple[Entity, Entity], list[Edge]] = {}
    for edge in snapshot.graph.edges:
        ends = edge.cause.entity, edge.effect.entity
        if ends[0] != ends[1] and kept.issuperset(ends):
            pairs.setdefault(ends, []).append(edge)
    return [
        (
            str(cause),
            str(effect),
            ", ".join(dict.fromkeys(edge.cause.signal for edge in edges)),
            "; ".join(dict.fromkeys(_why(edge) for edge in edges)),
        )
        for (cause, effect), edges in sorted(pairs.items())
    ]


def _lay_out(
    nodes: Sequence[tuple[str, str, str]],
    edges: Sequence[tuple[str, str, str, str]],
    scores: Mapping[str, float],
    states: Mapping[str, str],
    blame: Collection[tuple[str, str]],
) -> list[Frame]:
    """Nodes are (id, title, subtitle); those without a state are not measured. Edges of `blame` are red."""
    notices: tuple[str, ...] = ()
    if len(nodes) > _MOST_NODES:
        notices = (f"{len(nodes)} nodes, the first {_MOST_NODES} are shown; choose entities",)
        nodes = nodes[:_MOST_NODES]
    known = {node[0] for node in nodes}
    edges = [edge for edge in edges if edge[0] in known and edge[1] in known]  # others crash the panel
    said = [states.get(node[0], "not measured") for node in nodes]
    node_fields = (
        _strings("id", [node[0] for node in nodes]),
        _strings("title", [node[1] for node in nodes]),
        _strings("subtitle", [node[2] for node in nodes]),
        _strings("mainstat", [_text(scores.get(node[0])) for node in nodes], displayName="worst causal score"),
        *(
            Field(
                f"arc__{state.replace(' ', '_')}",
                "number",
                [float(one == state) for one in said],
                config={"displayName": state, "color": {"mode": "fixed", "fixedColor": color}},
            )
            for state, color in _COLORS.items()
        ),
        _strings("detail__verdict", said, displayName="Verdict"),
    )
    edge_fields = (
        _strings("id", [f"{edge[0]}->{edge[1]}#{number}" for number, edge in enumerate(edges)]),
        _strings("source", [edge[0] for edge in edges]),
        _strings("target", [edge[1] for edge in edges]),
        _strings("mainstat", [edge[2] for edge in edges]),
        _strings("color", [_BLAME if (edge[0], edge[1]) in blame else _PLAIN for edge in edges]),
        Field("thickness", "number", [3.0 if (edge[0], edge[1]) in blame else 1.0 for edge in edges]),
        _strings("strokedasharray", ["" if {edge[0], edge[1]} <= states.keys() else "6 4" for edge in edges]),
        _strings("detail__evidence", [edge[3] for edge in edges], displayName="Evidence"),
    )
    return [Frame("nodes", node_fields, notices, _META), Frame("edges", edge_fields, (), _META)]


def _strings(name: str, values: list[str], **config: str) -> Field:
    return Field(name, "string", values, config=config)


def _worst(snapshot: Snapshot) -> dict[Entity, float]:
    """The highest causal score of every entity that has one."""
    worst: dict[Entity, float] = {}
    for variable, scores in snapshot.judgement.scores.items() if snapshot.judgement else ():
        score = float(scores.causal.score[-1])
        if isfinite(score) and not score < worst.get(variable.entity, score):
            worst[variable.entity] = score
    return worst


def _score(snapshot: Snapshot, variable: Variable) -> float:
    scores = snapshot.judgement.scores.get(variable) if snapshot.judgement else None
    return float(scores.causal.score[-1]) if scores else float("nan")


def _text(score: float | None) -> str:
    """A score for people; None of what nobody measures."""
    if score is None:
        return "not measured"
    return f"{score:.2f}" if isfinite(score) else "no score"


def _lag(edge: Edge) -> str:
    return f"lag {edge.lag}" if edge.lag else ""


def _why(edge: Edge) -> str:
    return f"{edge.cause.signal} -> {edge.effect.signal}: " + ", ".join(f"{e.kind} ({e.by})" for e in edge.evidence)


PANEL = Panel(
    "causal_graph",
    "Causal graph",
    frames,
    (Parameter("show", "Show", lambda _: _SHOW), ENTITY),
    needs_mechanisms=False,
)
