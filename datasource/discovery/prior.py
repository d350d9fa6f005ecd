"""What is known before the data speak: edges, what is forbidden, the order of roles, and how likely each edge is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats, Matrix, Variable
from datasource.discovery.names import beliefs, by_size, read_names
from datasource.graph.model import CausalGraph, Edge
from datasource.settings import Settings, Signal
from datasource.topology import Topology

Pair = tuple[Variable, Variable]

LONGEST_LAG = 3
"""Steps that a cause may take, unless the prior says otherwise."""


@dataclass(frozen=True)
class Prior:
    """What a method may take for granted.

    `known` are edges of people, templates and topology, which data may doubt and never remove. `forbidden` gives for
    ordered pairs (cause, effect) the reason why there is no edge. `tiers` order variables: an edge never leads from a
    higher tier to a lower one; variables without a tier go anywhere. `presence` is by unordered pair (in the order of
    `variables`) the log-odds that there is an edge at all, `direction` the log-odds that the first is the cause.
    Lags go from 0 to `longest_lag` steps.
    """

    variables: tuple[Variable, ...]
    known: tuple[Edge, ...] = ()
    forbidden: Mapping[Pair, str] = field(default_factory=dict)
    tiers: Mapping[Variable, int] = field(default_factory=dict)
    presence: Mapping[Pair, float] = field(default_factory=dict)
    direction: Mapping[Pair, float] = field(default_factory=dict)
    longest_lag: int = LONGEST_LAG

    @cached_property
    def required(self) -> frozenset[Pair]:
        """The pairs of the known edges."""
        return frozenset((edge.cause, edge.effect) for edge in self.known)

    def allows(self, cause: Variable, effect: Variable) -> bool:
        """Whether data may propose this edge."""
        if (cause, effect) in self.forbidden:
            return False
        first, second = self.tiers.get(cause), self.tiers.get(effect)
        return first is None or second is None or first <= second

    def allowed(self, variables: Sequence[Variable]) -> NDArray[np.bool_]:
        """By cause (rows) and effect (columns), whether data may propose the edge."""
        found: NDArray[np.bool_] = np.array(
            [[self.allows(cause, effect) for effect in variables] for cause in variables]
        )
        np.fill_diagonal(found, False)
        return found

    def odds(self, variables: Sequence[Variable]) -> tuple[Floats, Floats]:
        """`presence` (symmetric) and `direction` (antisymmetric) as arrays over these variables."""
        presence, direction = np.zeros((2, len(variables), len(variables)))
        for i, one in enumerate(variables):
            for j, other in enumerate(variables):
                if (one, other) in self.presence:
                    presence[i, j] = presence[j, i] = self.presence[one, other]
                if (one, other) in self.direction:
                    direction[i, j] = self.direction[one, other]
                    direction[j, i] = -direction[i, j]
        return presence, direction


def prior_of_names(matrix: Matrix, signals: Mapping[str, Signal], names: Sequence[str]) -> Prior:
    """What names and sizes alone tell. `names` are those of the columns, in the order of the matrix' variables."""
    variables = matrix.variables
    several = len({one.entity for one in variables}) > 1
    read = read_names(
        [one.signal if several else name for one, name in zip(variables, names, strict=True)],
        owners=[str(one.entity) for one in variables] if several else (),
    )
    told = beliefs(read)
    direction = told.direction + by_size(read, matrix.values)
    pairs = [(i, j) for i in range(len(variables)) for j in range(i)]
    return Prior(
        variables,
        presence={(variables[i], variables[j]): float(told.presence[i, j]) for i, j in pairs},
        direction={(variables[i], variables[j]): float(direction[i, j]) for i, j in pairs},
    )


def prior_of_graph(settings: Settings, matrix: Matrix, topology: Topology, graph: CausalGraph) -> Prior:
    """What the settings' graph, the topology and the signals' roles tell.

    Data may propose edges within an entity, and along relations; all others are forbidden where there are relations.
    """
    variables = matrix.variables
    named = prior_of_names(matrix, settings.signals, [one.signal for one in variables])
    forbidden: dict[Pair, str] = {}
    rules = {(rule.cause, rule.effect) for rule in settings.graph.forbid}
    tied = {frozenset(entity for _, entity in tie.ends) for tie in topology.ties}
    for cause in variables:
        for effect in variables:
            if (str(cause), str(effect)) in rules or (cause.signal, effect.signal) in rules:
                forbidden[cause, effect] = "the graph forbids it"
            elif (
                topology.ties
                and cause.entity != effect.entity
                and not any({cause.entity, effect.entity} <= together for together in tied)
            ):
                forbidden[cause, effect] = f"no relation connects {cause.entity} and {effect.entity}"
    there = set(variables)
    known = tuple(edge for edge in graph.edges if {edge.cause, edge.effect} <= there)
    return replace(named, known=known, forbidden=forbidden)
