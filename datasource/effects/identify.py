"""Which variables, and when, must be adjusted for: DoWhy's identification on the time-unrolled graph."""

from collections.abc import Iterable
from typing import NamedTuple

import networkx as nx

from datasource.graph import CausalGraph, Moment, longest_lag, unroll
from datasource.telemetry import Variable

MOST_FOR_PRECISION = 12
"""So many moments at most are added to an adjustment set for precision."""

_DEEPENINGS = 4


class Identification(NamedTuple):
    """What a valid analysis adjusts for, or why there is none.

    `adjustment_set` is None where adjustment identifies no effect, and then `reason` names what is in the way;
    `required` is the part that DoWhy asks for, the rest is there for precision.
    """

    adjustment_set: tuple[Moment, ...] | None
    method: str
    reason: str
    required: tuple[Moment, ...] = ()


NO_PATH = "no directed path"
ADJUSTMENT = "adjustment"
NOT_IDENTIFIED = "not identified"


def identify(graph: CausalGraph, treatment: Variable, outcome: Variable, lags: int, window: int = 1) -> Identification:
    """The adjustment set for the joint treatment (X_t, X_t-1, ... X_t-lags) on Y_t.

    DoWhy's generalized adjustment (van der Zander, Liśkiewicz and Textor 2014), complete for adjustment sets, on
    the graph of the ancestors unrolled over time. Candidates come before every treatment they could follow from:
    with all variables observed nothing is lost by that. The unrolling is cut somewhere in the past; the set found
    is checked by d-separation on one twice as deep, and the cut moves until it makes no difference.

    The set is then enlarged by the parents of the nodes between treatment and outcome, the O-set of Henckel,
    Perković and Maathuis (2022), the nearest to the outcome first, as far as it stays valid and small. Where signals
    look over a `window` of several steps, the far end of the window is added to each moment that DoWhy asks for.
    """
    if treatment == outcome or longest_lag(graph, treatment, outcome, 0) is None:
        return Identification((), NO_PATH, f"the graph has no directed path from {treatment} to {outcome}")
    depth = lags + 2 * max(1, max((edge.lag for edge in graph.edges), default=0))
    depth = max(depth, lags + window)
    for _ in range(_DEEPENINGS):
        unrolled = _Unrolled(graph, treatment, outcome, lags, depth)
        found = unrolled.minimal_set()
        if found is None:  # more past only adds paths
            return Identification(None, NOT_IDENTIFIED, unrolled.obstacle())
        deeper = _Unrolled(graph, treatment, outcome, lags, 2 * depth)
        if deeper.valid(found):
            far_ends = {Moment(moment.variable, moment.lag + window - 1) for moment in found}
            if deeper.valid(found | far_ends):
                found |= far_ends
            return Identification(_ordered(deeper.enlarged(found)), ADJUSTMENT, "", _ordered(found))
        depth *= 2
    return Identification(
        None, NOT_IDENTIFIED, f"what makes {treatment} and {outcome} move together reaches back without end"
    )


class _Unrolled:
    """The ancestors of joint treatment and outcome over `depth` steps, and what adjustment may use of them."""

    def __init__(self, graph: CausalGraph, treatment: Variable, outcome: Variable, lags: int, depth: int) -> None:
        whole = unroll(graph, graph.ancestors((treatment, outcome)), depth)
        self.treatments = frozenset(Moment(treatment, lag) for lag in range(lags + 1))
        self.outcome = Moment(outcome, 0)
        past: set[Moment] = {self.outcome}.union(
            *(nx.ancestors(whole, end) for end in (self.outcome, *self.treatments))
        )
        self.graph: nx.DiGraph = whole.subgraph(past | self.treatments).copy()
        # As in DoWhy: on a proper causal path only the first node is treated.
        without_causes, without_effects = self.graph.copy(), self.graph.copy()
        without_causes.remove_edges_from(list(self.graph.in_edges(self.treatments)))
        without_effects.remove_edges_from(list(self.graph.out_edges(self.treatments)))
        follows = self._descendants(without_causes, self.treatments)
        self.causal = (follows & (nx.ancestors(without_effects, self.outcome) | {self.outcome})) - self.treatments
        after = self._descendants(self.graph, self.treatments | self.causal)
        self.candidates = frozenset(set(self.graph) - after)
        self.proper_backdoor = self.graph.copy()
        self.proper_backdoor.remove_edges_from([(x, node) for x in self.treatments for node in self.causal])

    @staticmethod
    def _descendants(graph: nx.DiGraph, nodes: Iterable[Moment]) -> set[Moment]:
        found: set[Moment] = set()
        for node in nodes:
            if node not in found:
                found |= nx.descendants(graph, node) | {node}
        return found

    def minimal_set(self) -> set[Moment] | None:
        """DoWhy's answer; None where there is no adjustment set."""
        from dowhy.causal_identifier.auto_identifier import identify_generalized_adjustment_set

        names = {node: f"n{number}" for number, node in enumerate(sorted(self.graph))}
        nodes = {name: node for node, name in names.items()}
        sets = identify_generalized_adjustment_set(
            nx.relabel_nodes(self.graph, names),
            [names[node] for node in sorted(self.treatments)],
            [names[self.outcome]],
            [names[node] for node in sorted(self.candidates)],
        )
        return {nodes[name] for name in sets[0].get_adjustment_variables()} if sets else None

    def valid(self, adjustment_set: set[Moment]) -> bool:
        """Whether the set leaves only what the treatments cause (the generalized adjustment criterion)."""
        return adjustment_set <= self.candidates and bool(
            nx.is_d_separator(self.proper_backdoor, set(self.treatments), {self.outcome}, adjustment_set)
        )

    def enlarged(self, required: set[Moment]) -> set[Moment]:
        distance = nx.single_source_shortest_path_length(self.graph.reverse(copy=False), self.outcome)
        parents = {
            parent for node in self.causal for parent in self.graph.predecessors(node) if parent in self.candidates
        }
        found = set(required)
        for parent in sorted(parents - found, key=lambda node: (distance[node], node.lag, node)):
            if len(found) < len(required) + MOST_FOR_PRECISION and self.valid(found | {parent}):
                found.add(parent)
        return found

    def obstacle(self) -> str:
        after = self._descendants(self.graph, self.causal)
        blamed = sorted(
            {node.variable for x in self.treatments for node in self.graph.predecessors(x) if node in after}
        )
        treatment = next(iter(self.treatments)).variable
        names = ", ".join(str(variable) for variable in blamed) or "a variable"
        return (
            f"{treatment} moves {names}, and {names} moves {treatment} in turn: adjusting for it would take "
            f"part of the effect away, not adjusting would leave the confounding"
        )


def _ordered(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    return tuple(sorted(moments))
