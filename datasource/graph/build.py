"""The causal graph out of what the expert wrote and what telemetry knows about who is tied to whom."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import networkx as nx

from datasource.data import Entity, Variable
from datasource.graph.model import CausalGraph, Edge, Evidence, Kind
from datasource.graph.unmeasured import EVERYWHERE, common_cause, is_common_cause
from datasource.settings import Rule, Settings
from datasource.settings.finding import known
from datasource.topology import EntityRelation, Topology

_TOLD = 20
"""Edges that wait are told one by one up to so many: looking for what was meant takes time."""


class GraphError(Exception):
    """The causal graph cannot be as written; the text names the path and the fix."""


class BuiltGraph(NamedTuple):
    """A graph and what had to be left out or changed to make it."""

    graph: CausalGraph
    notices: tuple[str, ...]


def build_graph(settings: Settings, variables: Sequence[Variable], topology: Topology) -> BuiltGraph:
    """Templates applied to every entity and along every relation, and the single edges, over all variables.

    Beside the measured `variables` the graph holds the unmeasured ones of the settings, for every measured entity of
    their type, and one for each `a <-> b`.

    A single edge that names an entity nobody has measured yet waits for it, with a notice. Two services that
    call each other both ways close a cycle at lag 0 through a relation: those edges move to lag 1, with a
    notice. Raises GraphError for a cycle that templates and edges close by themselves.
    """
    entities = sorted({variable.entity for variable in variables})
    unmeasured = dict.fromkeys(_unmeasured(settings, entities))
    there = {(variable.entity, variable.signal): variable for variable in (*variables, *unmeasured)}
    names = {str(variable): variable for variable in there.values()}
    forbidden = _Forbidden(settings.graph.forbid)
    found: dict[tuple[Variable, Variable, int], Edge] = {}
    waiting: list[tuple[Rule, str]] = []
    for rule in settings.graph.templates:
        for cause_entity, effect_entity, tie in _places(settings, rule, entities, topology):
            cause, effect = there.get((cause_entity, rule.cause)), there.get((effect_entity, rule.effect))
            if cause and effect and not forbidden.covers(cause, effect):
                for edge in rule_edges(rule, cause, effect, _topology_evidence(tie), "template"):
                    _add(found, edge)
    for rule in settings.graph.edges:
        ends = [find_variable(name, names) for name in (rule.cause, rule.effect)]
        unknown = [name for name, end in zip((rule.cause, rule.effect), ends, strict=True) if end is None]
        if unknown:
            waiting.append((rule, unknown[0]))
            continue
        for edge in rule_edges(rule, ends[0], ends[1]):  # type: ignore[arg-type]
            _add(found, edge)
    notices = [f"edge '{rule}' waits: '{name}' is not measured; {known(name, names)}" for rule, name in waiting[:_TOLD]]
    if len(waiting) > _TOLD:
        notices.append(f"{len(waiting) - _TOLD} more edges wait for what is not measured; 'check' lists them")
    edges, said = _without_cycles(list(found.values()))
    unmeasured |= dict.fromkeys(edge.cause for edge in edges if is_common_cause(edge.cause))
    graph = CausalGraph((*variables, *unmeasured), tuple(sorted(edges)), frozenset(unmeasured))
    return BuiltGraph(graph, (*notices, *said))


def _unmeasured(settings: Settings, entities: Sequence[Entity]) -> Iterator[Variable]:
    for name in settings.graph.unmeasured:
        wanted = settings.entity_type(name)
        owners = [EVERYWHERE] if wanted == EVERYWHERE.type else [one for one in entities if one.type == wanted]
        yield from (Variable(owner, name) for owner in owners)


def rule_edges(
    rule: Rule, cause: Variable, effect: Variable, evidence: tuple[Evidence, ...] = (), kind: Kind = "expert"
) -> Iterator[Edge]:
    """The edges of a rule between two variables; of 'a <-> b' those from an unmeasured third one."""
    evidence = (Evidence(kind, str(rule)), *evidence)
    if rule.common_cause:
        both = common_cause(cause, effect)
        yield Edge(both, cause, 0, rule.relation, evidence)
        cause = both
    for lag in rule.lags:
        yield Edge(cause, effect, lag, rule.relation, evidence)


def _places(
    settings: Settings, rule: Rule, entities: Sequence[Entity], topology: Topology
) -> Iterator[tuple[Entity, Entity, EntityRelation | None]]:
    """Where a template applies: (entity of the cause, entity of the effect, the tie between them)."""
    if not rule.relation:
        wanted = [settings.entity_type(rule.cause), settings.entity_type(rule.effect)]
        if set(wanted) == {EVERYWHERE.type}:
            yield EVERYWHERE, EVERYWHERE, None
        for entity in entities:
            ends = [EVERYWHERE if one == EVERYWHERE.type else entity for one in wanted]
            if entity in ends and all(end.type == one for end, one in zip(ends, wanted, strict=True)):
                yield ends[0], ends[1], None
        return
    caller = next(iter(settings.ends(rule.relation)))
    for tie in topology.along(rule.relation):
        cause, effect = tie.end(rule.from_end), tie.end(rule.to_end)
        # Nothing comes back along a tie to somebody who does not wait for it.
        comes_back = rule.to_end == caller
        if cause and effect and (tie.waits or not comes_back):
            yield cause, effect, tie


def _topology_evidence(tie: EntityRelation | None) -> tuple[Evidence, ...]:
    if tie is None:
        return ()
    by = f"{tie.relation} from {', '.join(tie.sources)}" if tie.sources else tie.relation
    return (Evidence("topology", by, tie.last_seen, tie.rate),)


def _add(found: dict[tuple[Variable, Variable, int], Edge], edge: Edge) -> None:
    key = (edge.cause, edge.effect, edge.lag)
    if key in found:
        edge = found[key]._replace(evidence=tuple(dict.fromkeys((*found[key].evidence, *edge.evidence))))
    found[key] = edge


def _without_cycles(edges: list[Edge]) -> tuple[list[Edge], list[str]]:
    notices: list[str] = []
    instant = _instant(edges)
    loops = [loop for loop in nx.strongly_connected_components(instant) if len(loop) > 1]
    if not loops and not nx.number_of_selfloops(instant):
        return edges, notices
    number = {variable: place for place, loop in enumerate(loops) for variable in loop}
    inside: dict[int, list[Edge]] = {}
    for edge in edges:
        place = number.get(edge.cause)
        if place is not None and edge.lag == 0 and edge.relation and place == number.get(edge.effect):
            inside.setdefault(place, []).append(edge)
    moved = {(edge.cause, edge.effect) for found in inside.values() for edge in found}
    for place, found in sorted(inside.items()):
        notices.append(
            f"{', '.join(sorted(map(str, loops[place])))} act on each other within one step; their edges along "
            f"{', '.join(sorted({edge.relation for edge in found}))} are taken at lag 1"
        )
    merged: dict[tuple[Variable, Variable, int], Edge] = {}
    for edge in edges:
        move = edge.lag == 0 and (edge.cause, edge.effect) in moved
        _add(merged, edge._replace(lag=1) if move else edge)
    edges = list(merged.values())
    try:
        cycle = nx.find_cycle(_instant(edges))
    except nx.NetworkXNoCycle:
        return edges, notices
    path = " -> ".join(str(cause) for cause, _ in cycle) + f" -> {cycle[0][0]}"
    raise GraphError(f"graph: a cycle within one step: {path}; give one of these edges a lag, as (lag 1), or delete it")


def _instant(edges: Sequence[Edge]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_edges_from((edge.cause, edge.effect) for edge in edges if edge.lag == 0)
    return graph


class _Forbidden:
    """The edges that templates and discovery may not add."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._pairs = {(rule.cause, rule.effect) for rule in rules}

    def covers(self, cause: Variable, effect: Variable) -> bool:
        return (str(cause), str(effect)) in self._pairs or (cause.signal, effect.signal) in self._pairs


def find_variable(name: str, names: dict[str, Variable]) -> Variable | None:
    """The variable shown as `name`; the leading labels may be left off where that is unambiguous."""
    if name in names:
        return names[name]
    found = [variable for shown, variable in names.items() if shown.endswith("/" + name)]
    found = found or [one for one in names.values() if f"/{one.entity.plain}.{one.signal}".endswith("/" + name)]
    return found[0] if len(found) == 1 else None
