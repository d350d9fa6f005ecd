"""Identification by adjustment: the generalized adjustment criterion, and DoWhy's answer to it."""

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

import networkx as nx

from datasource.graph import LaggedVariable

MOST_FOR_PRECISION = 12
"""So many moments at most are added to an adjustment set for precision."""


class Criterion:
    """What may be adjusted for, and what has to be, when `treatments` act jointly on `outcomes` in an acyclic graph.

    The generalized adjustment criterion of van der Zander, Liśkiewicz and Textor (2014). `causal` are the nodes on
    proper causal paths, on which only the first node is treated; `forbidden` are those and what follows from them;
    `candidates` are the `measured` nodes that follow from no treatment. In `proper_backdoor` the causal paths are cut.
    """

    def __init__(
        self,
        graph: nx.DiGraph,
        treatments: Collection[LaggedVariable],
        outcomes: Collection[LaggedVariable],
        measured: Collection[LaggedVariable],
    ) -> None:
        self.graph = graph
        self.treatments = frozenset(treatments)
        self.outcomes = frozenset(outcomes)
        self.measured = frozenset(measured)
        follows = descendants(graph, self.treatments)
        leads = _reached(graph.pred, self.outcomes, self.treatments)
        self.causal: frozenset[LaggedVariable] = frozenset((follows & leads) - self.treatments)
        self.candidates: frozenset[LaggedVariable] = frozenset(
            (set(graph) - descendants(graph, self.treatments | self.causal)) & self.measured
        )
        self.proper_backdoor: nx.DiGraph = graph.copy()
        self.proper_backdoor.remove_edges_from([(x, node) for x in self.treatments for node in self.causal])

    @cached_property
    def forbidden(self) -> frozenset[LaggedVariable]:
        return frozenset(descendants(self.graph, self.causal))

    def minimal_sets(self) -> Iterator[set[LaggedVariable]]:
        """DoWhy's answer among the candidates, then the set nearest to the outcome; nothing where there is no set."""
        nearest = self._minimal_set()
        if nearest is not None:
            yield nearest
            yield nx.find_minimal_d_separator(
                self.proper_backdoor, set(self.outcomes), set(self.treatments), restricted=set(self.candidates)
            )

    def _minimal_set(self) -> set[LaggedVariable] | None:
        from dowhy.causal_identifier.auto_identifier import identify_generalized_adjustment_set

        names = {node: f"n{number}" for number, node in enumerate(sorted(self.graph))}
        nodes = {name: node for node, name in names.items()}
        named = _OfStrings()
        named.add_nodes_from(names[node] for node in self.graph)
        named.add_edges_from((names[cause], names[effect]) for cause, effect in self.graph.edges)
        sets = identify_generalized_adjustment_set(
            named,
            [names[node] for node in sorted(self.treatments)],
            [names[node] for node in sorted(self.outcomes)],
            [names[node] for node in sorted(self.candidates)],
        )
        return {nodes[name] for name in sets[0].get_adjustment_variables()} if sets else None

    def valid(self, adjustment_set: Collection[LaggedVariable]) -> bool:
        """Whether these candidates leave only what the treatments cause."""
        return self.candidates.issuperset(adjustment_set) and self.separates(adjustment_set)

    def separates(self, given: Collection[LaggedVariable]) -> bool:
        """Whether no way but the causal ones is open between treatments and outcomes."""
        chosen = set(given)
        if chosen & (self.forbidden | self.treatments | self.outcomes):
            return False
        return bool(nx.is_d_separator(self.proper_backdoor, set(self.treatments), set(self.outcomes), chosen))

    def enlarged(self, required: set[LaggedVariable]) -> set[LaggedVariable]:
        """A valid set and the candidates that make the answer more precise.

        Those are parents of the nodes between treatment and outcome, the O-set of Henckel, Perković and Maathuis
        (2022), the nearest to the outcome first, as far as the set stays valid and small.
        """
        backwards = self.graph.reverse(copy=False)
        distance = {node: len(path) for node, path in nx.multi_source_dijkstra_path(backwards, self.outcomes).items()}
        parents = {
            parent for node in self.causal for parent in self.graph.predecessors(node) if parent in self.candidates
        }
        found = set(required)
        for parent in sorted(parents - found, key=lambda node: (distance[node], node.lag, node)):
            if len(found) < len(required) + MOST_FOR_PRECISION and self.valid(found | {parent}):
                found.add(parent)
        return found


class _OfStrings(nx.DiGraph):  # type: ignore[misc]
    """A graph of strings, of which a copy is as deep as can be: DoWhy asks for seven deep ones."""

    def __deepcopy__(self, memo: dict[int, object]) -> "_OfStrings":
        copy: _OfStrings = self.copy()
        return copy


def descendants(graph: nx.DiGraph, nodes: Iterable[LaggedVariable]) -> set[LaggedVariable]:
    """These nodes and all that follows from them."""
    return _reached(graph.succ, nodes)


def ancestors(graph: nx.DiGraph, nodes: Iterable[LaggedVariable]) -> set[LaggedVariable]:
    """These nodes and all that leads to them."""
    return _reached(graph.pred, nodes)


def _reached(
    neighbours: nx.classes.coreviews.AdjacencyView,
    nodes: Iterable[LaggedVariable],
    never: Collection[LaggedVariable] = (),
) -> set[LaggedVariable]:
    """These nodes and their neighbours, but for those that are `never` gone to."""
    found = set(nodes)
    waiting = list(found)
    while waiting:
        for node in neighbours[waiting.pop()]:
            if node not in found and node not in never:
                found.add(node)
                waiting.append(node)
    return found
