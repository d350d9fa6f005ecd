"""What the evidence of an edge amounts to: who speaks for it, what speaks against it, and whether it is used."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from datasource.data import Variable
from datasource.graph.model import CausalGraph, Edge, Evidence

Standing = Literal["refuted", "confirmed", "doubtful", "expert", "template", "topology", "discovered"]
STANDINGS: tuple[Standing, ...] = ("refuted", "confirmed", "doubtful", "expert", "template", "topology", "discovered")
"""What an edge can be, the weightiest first: an intervention outweighs data, which outweigh who wrote it down."""

_AGAINST = ("refuted", "doubtful")


def standing(edge: Edge) -> Standing:
    """The weightiest of the kinds of its evidence; "expert" for an edge without any.

    An intervention decides: of a verdict that confirms and one that refutes the newer counts.
    """
    kinds = {one.kind for one in edge.evidence}
    if {"refuted", "confirmed"} <= kinds:
        last = max((one for one in edge.evidence if one.kind in ("refuted", "confirmed")), key=lambda one: one.at or 0)
        return "refuted" if last.kind == "refuted" else "confirmed"
    return next((one for one in STANDINGS if one in kinds), "expert")


def written_by(edge: Edge) -> str:
    """The rule that brought an edge about; else the edge itself."""
    return next(
        (one.by for one in edge.evidence if one.kind in ("expert", "template")), f"{edge.cause} -> {edge.effect}"
    )


def told(one: Evidence) -> str:
    """A piece of evidence in words, as 'refuted (intervention 3: web.latency did not move ...)'."""
    return f"{one.kind} ({one.by}: {one.why})" if one.why else f"{one.kind} ({one.by})"


def reasons(edge: Edge) -> str:
    """Everything that is said of an edge, in words."""
    return ", ".join(map(told, edge.evidence))


def against(edge: Edge) -> str:
    """What speaks against an edge, in words; empty where nothing does."""
    return "; ".join(told(one) for one in edge.evidence if one.kind in _AGAINST)


def in_force(graph: CausalGraph) -> CausalGraph:
    """The graph without its refuted edges: what explains and predicts. It is the same one where nothing is refuted."""
    kept = tuple(edge for edge in graph.edges if standing(edge) != "refuted")
    return graph if len(kept) == len(graph.edges) else replace(graph, edges=kept)


def doubts(graph: CausalGraph, treatment: Variable, outcome: Variable) -> list[str]:
    """What is refuted or doubtful of the edges from a treatment to an outcome, an edge a sentence."""
    between = graph.descendants(treatment) & graph.ancestors([outcome])
    found: dict[tuple[Variable, Variable], str] = {}
    for effect in sorted(between):
        for edge in graph.parents(effect):
            if edge.cause in between and standing(edge) in _AGAINST:
                found[edge.cause, effect] = f"the edge {edge.cause} -> {effect}, on the way, is {against(edge)}"
    return list(found.values())


def refuted(graph: CausalGraph) -> frozenset[tuple[Variable, Variable]]:
    """The pairs of cause and effect whose edges are refuted."""
    return frozenset((edge.cause, edge.effect) for edge in graph.edges if standing(edge) == "refuted")


def with_evidence(graph: CausalGraph, more: Callable[[Edge], Iterable[Evidence]]) -> CausalGraph:
    """The graph whose edges have more evidence; of what the same says twice the newer stays."""

    def judged(edge: Edge) -> Edge:
        added = tuple(more(edge))
        said = {(one.kind, one.by) for one in added}
        kept = (old for old in edge.evidence if (old.kind, old.by) not in said)
        return edge._replace(evidence=(*kept, *added)) if added else edge

    return replace(graph, edges=tuple(judged(edge) for edge in graph.edges))


def without_evidence(graph: CausalGraph, *kinds: str) -> CausalGraph:
    """The graph whose edges have no evidence of these kinds."""
    return replace(
        graph,
        edges=tuple(
            e._replace(evidence=tuple(one for one in e.evidence if one.kind not in kinds)) for e in graph.edges
        ),
    )
