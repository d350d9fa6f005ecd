"""Panel: the causal graph as Grafana's node graph, edges drawn by what is said of them."""

from collections.abc import Mapping, Sequence
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
_GREEN, _YELLOW, _RED, _GREY, _ORANGE, _BLUE = "#73BF69", "#FADE2A", "#F2495C", "#8E8E8E", "#FF9830", "#5794F2"
_COLORS: Mapping[Standing, str] = {"refuted": _RED, "confirmed": _GREEN, "doubtful": _ORANGE, "discovered": _BLUE}
_DASHES: Mapping[Standing, str] = {"refuted": "2 4", "doubtful": "8 4", "discovered": "8 4"}
_NOBODY_MEASURES = "6 4"
_THIN, _THICK = 1.0, 5.0
"""Widths of edges whose partial correlation is 0 and 1."""
_UNMEASURED = "not measured"


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
        worst = _worst(snapshot)
        scores = {str(e): worst.get(e, nan) for e in nodes}
        return _lay_out([(str(e), e.name, e.type) for e in nodes], arrows, scores, notices)
    unmeasured = _unmeasured(snapshot, kept)
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
    )


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
    notices: tuple[str, ...] = (),
) -> list[Frame]:
    """Nodes are (id, title, subtitle); those without a score in `scores`, not even NaN, are not measured."""
    if len(nodes) > _MOST_NODES:
        notices = (*notices, f"{len(nodes)} nodes, the first {_MOST_NODES} are shown; choose entities")
        nodes = nodes[:_MOST_NODES]
    known = {node[0] for node in nodes}
    arrows = [one for one in arrows if one.source in known and one.target in known]  # others crash the panel
    measured = [node[0] in scores for node in nodes]
    broken = [_share(scores.get(node[0], nan)) for node in nodes]
    fine = [float(there) - share for there, share in zip(measured, broken, strict=True)]
    texts = [_text(scores[node[0]]) if node[0] in scores else _UNMEASURED for node in nodes]
    node_fields = (
        _strings("id", [node[0] for node in nodes]),
        _strings("title", [node[1] for node in nodes]),
        _strings("subtitle", [node[2] for node in nodes]),
        _strings("mainstat", texts, displayName="causal score"),
        Field("arc__broken", "number", broken, config=_fixed(_RED)),
        Field("arc__fine", "number", fine, config=_fixed(_GREEN)),
        Field("arc__unmeasured", "number", [1.0 - there for there in measured], config=_fixed(_GREY)),
        _strings("color", [_color(scores[node[0]]) if node[0] in scores else _GREY for node in nodes]),
    )
    dashes = ["" if {one.source, one.target} <= scores.keys() else _NOBODY_MEASURES for one in arrows]
    widths = [_THIN + (_THICK - _THIN) * min(abs(one.strength or 0.0), 1.0) for one in arrows]
    strengths = ["" if one.strength is None else f"{one.strength:+.2f}" for one in arrows]
    edge_fields = (
        _strings("id", [f"{one.source}->{one.target}#{number}" for number, one in enumerate(arrows)]),
        _strings("source", [one.source for one in arrows]),
        _strings("target", [one.target for one in arrows]),
        _strings("mainstat", [one.text for one in arrows]),
        _strings("secondarystat", [one.effect for one in arrows], displayName="Effect (95% interval)"),
        _strings("color", [_COLORS.get(one.standing, _GREY) for one in arrows]),
        Field("thickness", "number", widths),
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


def _fixed(color: str) -> dict[str, object]:
    return {"color": {"mode": "fixed", "fixedColor": color}}


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


def _share(score: float) -> float:
    return min(max(score, 0.0), 1.0) if isfinite(score) else 0.0


def _color(score: float) -> str:
    return _RED if score > 1 else _YELLOW if score > 0.8 else _GREEN


def _text(score: float) -> str:
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
