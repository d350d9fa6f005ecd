"""Panel: the causal graph as Grafana's node graph, edges drawn by what is said of them."""

from collections.abc import Collection, Mapping, Sequence
from math import isfinite, nan
from typing import NamedTuple

from datasource.data import Entity, Variable
from datasource.graph import EVERYWHERE, Standing
from datasource.graph.evidence import STANDINGS
from datasource.graph.unmeasured import spoken
from datasource.panels.choices import ENTITY
from datasource.panels.frame import Field, Frame
from datasource.panels.query import Query, QueryError
from datasource.panels.registry import Panel, Parameter
from datasource.service import Snapshot
from datasource.service.graph_rows import EdgeRow, edge_rows

_SHOW = [("entities", "entities"), ("variables", "variables"), ("every variable", "variables, never folded")]
_META = {"preferredVisualisationType": "nodeGraph"}
_FOLDED = 150
"""Variables above which entities are shown instead of them."""
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
_ARROWS: Mapping[Standing, str] = {
    "refuted": "#B877D9",
    "confirmed": "#73BF69",
    "doubtful": "#FF9830",
    "discovered": "#5794F2",
}
"""The colors of edges that nobody is blamed along, others are plain."""
_DASHES: Mapping[Standing, str] = {"refuted": "2 4", "doubtful": "8 4", "discovered": "8 4"}
_NOBODY_MEASURES = "6 4"
_THIN, _THICK = 1.0, 5.0
"""Widths of edges whose partial correlation is 0 and 1."""


class _Arrow(NamedTuple):
    """An edge as it is drawn, between nodes by their ids."""

    source: str
    target: str
    text: str
    evidence: str
    standing: Standing
    strength: float | None
    effect: str = ""


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """Two frames, nodes and edges: of variables, those that nobody measures in grey with dashed edges, or of entities
    with their edges folded together. Of many variables, entities are shown."""
    show = query.one("show", "entities")
    if show not in dict(_SHOW):
        raise QueryError(f"show '{show}' is unknown; use 'entities' or 'variables'")
    variables_asked = show != "entities"
    every = {v.entity for v in snapshot.matrix.variables if v.entity.type != "call" or variables_asked}
    kept = set(query.wanted("entity", sorted(entity for entity in every if query.passes(dict(entity.labels)))))
    variables = [v for v in snapshot.matrix.variables if v.entity in kept]
    notices: tuple[str, ...] = ()
    if show == "variables" and len(variables) > _FOLDED:
        notices = (f"{len(variables)} variables: their entities are shown; choose entities to see variables",)
        kept = {entity for entity in kept if entity.type != "call"}
    if show == "entities" or notices:
        nodes, arrows = sorted(kept), _folded(snapshot, kept)
        worst, states = _worst(snapshot), _states(snapshot)
        return _lay_out(
            [(str(e), e.name, e.type) for e in nodes],
            arrows,
            {str(e): worst.get(e, nan) for e in nodes},
            {str(e): states.get(e, "fine" if e in worst else "not judged") for e in nodes},
            {(str(cause), str(effect)) for cause, effect in _blame(snapshot)},
            notices,
        )
    unmeasured = _unmeasured(snapshot, kept)
    verdicts = _states(snapshot)
    said = {v: _state(snapshot, v, verdicts.get(v.entity, "fine")) for v in variables}
    blame = _blame(snapshot)
    if show == "variables" and query.takes_all("entity") and len(variables) > _READABLE:
        few = _telling(snapshot, variables, said)
        notices = (f"{len(few)} of {len(variables)} variables are shown, {_FEW}; choose entities to see theirs",)
        variables, unmeasured = [v for v in variables if v in few], [v for v in unmeasured if v in few]
    shown = {*variables, *unmeasured}
    effects = _effects(snapshot)
    return _lay_out(
        [
            *((str(v), v.signal, str(v.entity)) for v in variables),
            *((str(v), spoken(v._replace(entity=EVERYWHERE)), str(v.entity) or "everywhere") for v in unmeasured),
        ],
        [
            _Arrow(
                str(row.edge.cause),
                str(row.edge.effect),
                f"lag {row.edge.lag}" if row.edge.lag else "",
                _why(row),
                row.standing,
                row.strength,
                effects.get((row.edge.cause, row.edge.effect), ""),
            )
            for row in edge_rows(snapshot)
            if row.edge.cause in shown and row.edge.effect in shown
        ],
        {str(v): _score(snapshot, v) for v in variables},
        {str(v): state for v, state in said.items()},
        {
            (str(e.cause), str(e.effect))
            for e in snapshot.graph.edges
            if (e.cause.entity, e.effect.entity) in blame
            and not {said.get(e.cause, "fine"), said.get(e.effect, "fine")} & {"fine", "not judged"}
        },
        notices,
    )


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


def _effects(snapshot: Snapshot) -> dict[tuple[Variable, Variable], str]:
    """The effects that were computed, each with its interval."""
    return {
        (one.treatment, one.outcome): f"{one.effect.value:.3g} ({one.effect.lower:.3g} to {one.effect.upper:.3g})"
        for one in snapshot.effects or ()
        if isfinite(one.effect.value)
    }


def _unmeasured(snapshot: Snapshot, kept: set[Entity]) -> list[Variable]:
    """The unmeasured variables of the entities, and those elsewhere that act on them or that they act on."""
    touched = {v for e in snapshot.graph.edges if kept & {e.cause.entity, e.effect.entity} for v in (e.cause, e.effect)}
    return sorted(v for v in snapshot.graph.unmeasured if v.entity in kept or v in touched)


def _folded(snapshot: Snapshot, kept: set[Entity]) -> list[_Arrow]:
    """Between two entities one edge a direction, saying which signals act on which.

    It is refuted where all of its edges are, else the weightiest of the others; as strong as the strongest.
    """
    pairs: dict[tuple[Entity, Entity], list[EdgeRow]] = {}
    for row in edge_rows(snapshot):
        ends = row.edge.cause.entity, row.edge.effect.entity
        if ends[0] != ends[1] and kept.issuperset(ends):
            pairs.setdefault(ends, []).append(row)
    return [
        _Arrow(
            str(cause),
            str(effect),
            ", ".join(dict.fromkeys(row.edge.cause.signal for row in rows)),
            "; ".join(dict.fromkeys(_why(row) for row in rows)),
            next((s for s in STANDINGS[1:] if s in {row.standing for row in rows}), STANDINGS[0]),
            max((abs(row.strength) for row in rows if row.strength is not None), default=None),
        )
        for (cause, effect), rows in sorted(pairs.items())
    ]


def _lay_out(
    nodes: Sequence[tuple[str, str, str]],
    arrows: Sequence[_Arrow],
    scores: Mapping[str, float],
    states: Mapping[str, str],
    blame: Collection[tuple[str, str]],
    notices: tuple[str, ...] = (),
) -> list[Frame]:
    """Nodes are (id, title, subtitle); those without a state are not measured. Edges of `blame` are red."""
    if len(nodes) > _MOST_NODES:
        notices = (*notices, f"{len(nodes)} nodes, the first {_MOST_NODES} are shown; choose entities")
        nodes = nodes[:_MOST_NODES]
    known = {node[0] for node in nodes}
    arrows = [one for one in arrows if one.source in known and one.target in known]  # others crash the panel
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
    dashes = ["" if {one.source, one.target} <= states.keys() else _NOBODY_MEASURES for one in arrows]
    blamed = [(one.source, one.target) in blame for one in arrows]
    widths = [_THIN + (_THICK - _THIN) * min(abs(one.strength or 0.0), 1.0) for one in arrows]
    colors = [_BLAME if red else _ARROWS.get(one.standing, _PLAIN) for one, red in zip(arrows, blamed, strict=True)]
    strengths = ["" if one.strength is None else f"{one.strength:+.2f}" for one in arrows]
    edge_fields = (
        _strings("id", [f"{one.source}->{one.target}#{number}" for number, one in enumerate(arrows)]),
        _strings("source", [one.source for one in arrows]),
        _strings("target", [one.target for one in arrows]),
        _strings("mainstat", [one.text for one in arrows]),
        _strings("secondarystat", [one.effect for one in arrows], displayName="Effect (95% interval)"),
        _strings("color", colors),
        Field("thickness", "number", [max(3.0, w) if red else w for w, red in zip(widths, blamed, strict=True)]),
        _strings(
            "strokedasharray", [dash or _DASHES.get(e.standing, "") for dash, e in zip(dashes, arrows, strict=True)]
        ),
        _strings("detail__standing", [one.standing for one in arrows], displayName="What it is"),
        _strings("detail__strength", strengths, displayName="Partial correlation"),
        _strings("detail__evidence", [one.evidence for one in arrows], displayName="Evidence"),
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


def _why(row: EdgeRow) -> str:
    return f"{row.edge.cause.signal} -> {row.edge.effect.signal}: {row.evidence}"


PANEL = Panel(
    "causal_graph",
    "Causal graph",
    frames,
    (Parameter("show", "Show", lambda _: _SHOW), ENTITY),
    needs_mechanisms=False,
)
