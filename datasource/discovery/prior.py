"""What is known before the data speak: edges, what is forbidden, the order of roles, and how likely each edge is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Floats, Matrix, Variable
from datasource.discovery.names import beliefs, by_size, read_names
from datasource.graph.model import CausalGraph, Edge
from datasource.settings import Settings
from datasource.topology import Topology

Pair = tuple[Variable, Variable]

LONGEST_LAG = 3
"""Steps that a cause may take, unless the prior says otherwise."""


_ALONG: Mapping[str, str] = {"load": "down", "latency": "up", "work": "up", "failure": "up", "success": "up"}
"""Which way a role's signal goes along calls: from client to server, or back."""
_CALLS_DECIDE = 4.5
"""Log-odds of that direction."""
_WRITTEN = 1.5
"""How much more roles that somebody wrote count for a direction than those that names suggest."""


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

    def allowed(self, variables: Sequence[Variable]) -> NDArray[np.bool_]:
        """By cause (rows) and effect (columns), whether data may propose the edge."""
        place = {variable: number for number, variable in enumerate(variables)}
        found: NDArray[np.bool_] = ~np.eye(len(variables), dtype=np.bool_)
        for cause, effect in self.forbidden:
            if cause in place and effect in place:
                found[place[cause], place[effect]] = False
        tiers = np.array([self.tiers.get(variable, np.nan) for variable in variables], dtype=np.float64)
        found &= ~(tiers[:, None] > tiers[None, :])
        return found

    def odds(self, variables: Sequence[Variable]) -> tuple[Floats, Floats]:
        """`presence` (symmetric) and `direction` (antisymmetric) as arrays over these variables."""
        place = {variable: number for number, variable in enumerate(variables)}
        presence, direction = np.zeros((2, len(variables), len(variables)))
        for values, found, sign in ((self.presence, presence, 1.0), (self.direction, direction, -1.0)):
            for (one, other), odds in values.items():
                if one in place and other in place:
                    i, j = place[one], place[other]
                    found[i, j], found[j, i] = odds, sign * odds
        return presence, direction


def prior_of_names(matrix: Matrix, names: Sequence[str], roles: Sequence[str | None] = ()) -> Prior:
    """What names and sizes alone tell, and `roles` where somebody said them. `names` are those of the columns; both are
    in the order of the matrix' variables."""
    variables = matrix.variables
    several = len({one.entity for one in variables}) > 1
    read = read_names(
        [one.signal if several else name for one, name in zip(variables, names, strict=True)],
        roles,
        [str(one.entity) for one in variables] if several else (),
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
    Along calls load goes from client to server, and latency, work and failures come back.
    """
    variables = matrix.variables
    roles = [settings.signals[one.signal].role for one in variables]
    named = prior_of_names(matrix, [one.signal for one in variables], roles)
    direction = {pair: _WRITTEN * odds for pair, odds in named.direction.items()}
    forbidden: dict[Pair, str] = {}
    rules = {(rule.cause, rule.effect) for rule in settings.graph.forbid}
    ties = _Ties(topology)
    for i, one in enumerate(variables):
        for j, other in enumerate(variables[:i]):
            decides = ties.direction(one.entity, other.entity, roles[i]) if roles[i] == roles[j] else 0.0
            reason = ties.reason(one.entity, other.entity) or _by_definition(one, other, roles[i], roles[j])
            if not reason and one.entity != other.entity and ties.are_calls(one.entity, other.entity) and not decides:
                reason = "along calls, load goes to the server, and latency, work and failures come back"
            for cause, effect in ((one, other), (other, one)):
                if (str(cause), str(effect)) in rules or (cause.signal, effect.signal) in rules:
                    forbidden[cause, effect] = "the graph forbids it"
                elif reason:
                    forbidden[cause, effect] = reason
            if decides:
                direction[one, other] = decides
    there = set(variables)
    known = tuple(edge for edge in graph.edges if {edge.cause, edge.effect} <= there)
    return replace(named, known=known, forbidden=forbidden, direction=direction)


class _Ties:
    """Which entities a relation connects, and what goes which way along calls."""

    def __init__(self, topology: Topology) -> None:
        self._any = bool(topology.ties)
        self._together = {
            frozenset((one, other))
            for tie in topology.ties
            for one, other in combinations([entity for _, entity in tie.ends], 2)
        }
        self._down: set[tuple[Entity | None, Entity | None]] = set()
        self._up: set[tuple[Entity | None, Entity | None]] = set()
        for tie in topology.ties:
            client, server, call = (tie.end(end) for end in ("client", "server", "call"))
            self._down |= {(client, server), (client, call)}
            self._up |= {(server, client), (server, call)}

    def reason(self, one: Entity, other: Entity) -> str:
        """Why there is no edge between two entities; empty where there may be one."""
        if one == other or not self._any or frozenset((one, other)) in self._together:
            return ""
        return f"no relation connects {one} and {other}"

    def are_calls(self, one: Entity, other: Entity) -> bool:
        """Whether one of them calls the other, or is a call of the other."""
        return bool({(one, other), (other, one)} & (self._down | self._up))

    def direction(self, one: Entity, other: Entity, role: str | None) -> float:
        """Log-odds that a signal of this role of `one` causes the same of `other`."""
        way = {"down": self._down, "up": self._up}.get(_ALONG.get(role or "", ""), set())
        return _CALLS_DECIDE * (((one, other) in way) - ((other, one) in way))


def _by_definition(one: Variable, other: Variable, role: str | None, other_role: str | None) -> str:
    """Why a dependence of two signals is no effect of one on the other; empty where it may be one."""
    if one.entity == other.entity and "work" in (role, other_role) and {role, other_role} & {"load", "latency"}:
        return "work is load times latency by definition"
    return ""
