"""Discovery of many variables: neighbourhood by neighbourhood along the relations, then put together.

An edge can only be within an entity or along a relation, so that an entity and those around it hold every candidate for
what moves the entity's own variables. Each neighbourhood is learnt alone, and

- an edge is taken from the neighbourhood of its effect's entity, which alone knows all candidates of the effect;
- one whose direction nobody can tell is taken where the neighbourhoods of both ends have it, as either may know what
  makes the two independent;
- of the edges that close a cycle at lag 0 those that are found again least often, then the weakest, are refused;
- a known rule is doubted by what it explains at all of its places together.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, groupby
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from datasource.data import Entity, Matrix, Variable
from datasource.discovery.methods import Method
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal, ProposedEdge, RefusedEdge, in_order
from datasource.discovery.repair import REFUSALS, doubts, with_doubts
from datasource.discovery.series import lagged, prepare
from datasource.graph.evidence import written_by
from datasource.graph.model import Edge
from datasource.topology import Topology

TOGETHER = 150
"""Variables that are learnt in one piece: a method's time grows with their square or faster."""
_CLOSES = "it closes a cycle with edges that are found again more often"
_NAMED = 5
"""Entities that were not looked at are named up to so many."""

Spread = Callable[[Callable[["Neighbourhood"], Any], Sequence["Neighbourhood"]], Iterable[Any]]


class Neighbourhood(NamedTuple):
    """An entity, its variables, and those of the entities around it: candidates for what moves its own."""

    entity: Entity
    own: tuple[Variable, ...]
    around: tuple[Variable, ...]


class Learnt(NamedTuple):
    """What a method found in a neighbourhood, of which `near` of all candidates were looked at."""

    of: Neighbourhood
    found: Proposal
    near: int


def neighbourhoods(matrix: Matrix, topology: Topology, known: Sequence[Edge] = ()) -> list[Neighbourhood]:
    """One for each entity: those around it are tied to it, or cause something of it by a known edge."""
    around: dict[Entity, set[Entity]] = {variable.entity: set() for variable in matrix.variables}
    pairs = [pair for tie in topology.ties for pair in combinations([entity for _, entity in tie.ends], 2)]
    for one, other in pairs:
        if one in around and other in around:
            around[one].add(other)
            around[other].add(one)
    for edge in known:
        if edge.cause.entity in around and edge.effect.entity in around:
            around[edge.effect.entity].add(edge.cause.entity)
    of = {entity: tuple(own) for entity, own in groupby(sorted(matrix.variables), lambda one: one.entity)}
    return [
        Neighbourhood(entity, of[entity], tuple(v for other in sorted(around[entity] - {entity}) for v in of[other]))
        for entity in sorted(of)
    ]


def discover(
    method: Method,
    matrix: Matrix,
    prior_of: Callable[[Matrix], Prior],
    topology: Topology,
    known: Sequence[Edge] = (),
    *,
    spread: Spread = map,
    seconds: float = inf,
    begin_with: Iterable[Entity] = (),
    progress: Callable[[int], object] | None = None,
    together: int = TOGETHER,
    most: int = TOGETHER,
) -> Proposal:
    """What a method proposes: in one piece up to so many variables (`together`) or without relations, else split.

    A neighbourhood has `most` variables, its own and those around it that move with them most.
    prior_of: what is known of some of the variables. spread: does neighbourhoods on several processes, as `map` does.
    seconds: after which no neighbourhood is begun; those left are named. begin_with: entities that come first.
    progress: is called for each neighbourhood that is done, with how many there are. Raises ValueError.
    """
    if len(matrix.variables) <= together or not topology.ties:
        return method(matrix, prior_of(matrix))
    first = set(begin_with)
    parts = sorted(neighbourhoods(matrix, topology, known), key=lambda part: (part.entity not in first, part.entity))
    until, pace = time.monotonic() + seconds, _Pace()

    def learn(part: Neighbourhood) -> Learnt | None:
        size = len(part.own) + min(len(part.around), most)
        began = time.monotonic()
        if began + pace.expected(size) > until:
            return None
        near: Sequence[Variable] = ()
        try:
            near = _nearest(part, matrix, known, most)
            inside = matrix.select(sorted((*part.own, *near)))
            found = method(inside, prior_of(inside))
        except ValueError as error:
            found = Proposal("", (), (), notices=(f"nothing is learnt of {part.entity}: {error}",))
        pace.add(size, time.monotonic() - began)
        if progress:
            progress(len(parts))
        return Learnt(part, found, len(near))

    done = [one for one in spread(learn, parts) if one is not None]
    unseen = tuple(sorted({part.entity for part in parts} - {one.of.entity for one in done}))
    name = next((one.found.method for one in done if one.found.method), "")
    return _joined(name, done, unseen, known, len(parts))


class _Pace:
    """How long a neighbourhood takes at most, from those before it: its time grows with the square of its size."""

    def __init__(self) -> None:
        self._slowest = 0.0

    def add(self, size: int, seconds: float) -> None:
        self._slowest = max(self._slowest, seconds / size**2)

    def expected(self, size: int) -> float:
        return self._slowest * size**2


def _nearest(part: Neighbourhood, matrix: Matrix, known: Sequence[Edge], most: int) -> Sequence[Variable]:
    """Of the variables around an entity those that move with its own most, and known causes before them, so that the
    neighbourhood has no more than `most` (sure independence screening, Fan and Lv 2008)."""
    room = max(most - len(part.own), 0)
    if len(part.around) <= room:
        return part.around
    series = prepare(matrix.select((*part.own, *part.around)))
    place = {variable: row for row, variable in enumerate(series.variables)}
    if not place:
        return part.around[:room]
    new = series.innovations(1)
    longest = 1
    own = new[[place[variable] for variable in part.own if variable in place], longest:]
    by_lag = lagged(new, longest).reshape(longest + 1, len(new), -1)
    moved = np.abs(np.einsum("lct,et->lce", by_lag, own)).max(axis=(0, 2), initial=0.0)
    causes = {edge.cause for edge in known if edge.effect.entity == part.entity}
    weight = {one: inf if one in causes else moved[place[one]] if one in place else -1.0 for one in part.around}
    return sorted(part.around, key=lambda one: (-weight[one], one))[:room]


def _joined(
    name: str, done: Sequence[Learnt], unseen: tuple[Entity, ...], known: Sequence[Edge], count: int
) -> Proposal:
    """The proposals of neighbourhoods as one, by the rules that stand above."""
    missed = [edge for edge in known if edge.effect.entity in set(unseen)]
    places = [place for one in done for place in one.found.places if place.effect.entity == one.of.entity]
    own = [(one.of.entity, edge) for one in done for edge in one.found.edges]
    said = [edge for entity, edge in own if not edge.is_new and edge.effect.entity == entity]
    if places:
        written = {(edge.cause, edge.effect, edge.lag): edge.evidence for edge in known}
        said = [edge._replace(evidence=written[edge.cause, edge.effect, edge.lag]) for edge in said]
        partly = {written_by(edge) for edge in missed}
        said = with_doubts(said, {rule: why for rule, why in doubts(places).items() if rule not in partly})
    said += [ProposedEdge(e.cause, e.effect, e.lag, nan, nan, True, e.evidence) for e in missed]
    new, closing = _acyclic(said, [*_new(own, {one.of.entity for one in done})])
    refused = [edge for one in done for edge in one.found.refused if edge.effect.entity == one.of.entity]
    told = dict.fromkeys(notice for one in done for notice in one.found.notices)
    return Proposal(
        name,
        tuple(sorted({variable for one in done for variable in one.found.variables})),
        in_order([*said, *new]),
        (*closing, *refused)[:REFUSALS],
        (*_notices(done, unseen, count), *told),
        unseen=unseen,
    )


def _new(found: Sequence[tuple[Entity, ProposedEdge]], seen: set[Entity]) -> Iterator[ProposedEdge]:
    """Of the new edges, each with the entity in whose neighbourhood it was found, those that are taken."""
    by_pair: dict[frozenset[Variable], list[tuple[Entity, ProposedEdge]]] = {}
    for entity, edge in found:
        if edge.is_new and entity in (edge.cause.entity, edge.effect.entity):
            by_pair.setdefault(frozenset((edge.cause, edge.effect)), []).append((entity, edge))
    for pair, claims in by_pair.items():
        told = [edge for entity, edge in claims if edge.oriented and edge.effect.entity == entity]
        yield from told
        lines = in_order([edge for _, edge in claims if not edge.oriented])
        ends = {variable.entity for variable in pair} & seen
        if lines and not told and ends == {entity for entity, _ in claims}:
            yield lines[0]


def _acyclic(said: Sequence[ProposedEdge], new: Sequence[ProposedEdge]) -> tuple[list[ProposedEdge], list[RefusedEdge]]:
    """The new edges without those that close a cycle at lag 0 with known or steadier ones, and those."""
    import networkx as nx

    def instant(edges: Sequence[ProposedEdge]) -> list[tuple[Variable, Variable]]:
        return [(edge.cause, edge.effect) for edge in edges if edge.lag == 0 and edge.oriented]

    within = {
        variable: number
        for number, part in enumerate(nx.strongly_connected_components(nx.DiGraph([*instant(said), *instant(new)])))
        for variable in part
    }
    graph = nx.DiGraph([pair for pair in instant(said) if within[pair[0]] == within[pair[1]]])
    kept, closing = [], []
    for edge in in_order(new):
        inside = instant([edge]) and within[edge.cause] == within[edge.effect]
        if inside and edge.cause in graph and edge.effect in graph and nx.has_path(graph, edge.effect, edge.cause):
            closing.append(RefusedEdge(edge.cause, edge.effect, _CLOSES))
            continue
        kept.append(edge)
        if inside:
            graph.add_edge(edge.cause, edge.effect)
    return kept, closing


def _notices(done: Sequence[Learnt], unseen: Sequence[Entity], count: int) -> Iterator[str]:
    yield f"learnt in {len(done)} neighbourhoods along the relations"
    for one in done:
        if one.near < len(one.of.around):
            yield (
                f"{one.of.entity} has {len(one.of.around)} variables around it; the {one.near} that move with its own "
                "most were looked at as their causes"
            )
    if unseen:
        names = ", ".join(map(str, unseen[:_NAMED])) + (" ..." if len(unseen) > _NAMED else "")
        yield f"there was no time to look at {len(unseen)} of {count} entities: what moves {names} was not looked for"
