"""Proposed edges as rules of the settings."""

from collections.abc import Sequence

from datasource.data import Entity, Variable
from datasource.discovery.proposal import Proposal, ProposedEdge
from datasource.settings import Rule
from datasource.topology import Topology

Place = tuple[str, str, str, str, str]
"""Of an edge: the signals of cause and effect, and the relation with its ends, empty within an entity."""

_MOST_OF = 0.5
"""Share of the places of a template from which on it is proposed instead of single edges."""


def proposed_rules(proposal: Proposal, topology: Topology) -> tuple[Rule, ...]:
    """New edges as rules: a template where most of its places have the edge, else single edges between variables."""
    groups: dict[Place, list[ProposedEdge]] = {}
    for edge in proposal.proposed:
        if edge.oriented:
            groups.setdefault(_place(edge, topology), []).append(edge)
    rules: list[Rule] = []
    for place, edges in groups.items():
        cause, effect, relation, start, end = place
        pairs = {(edge.cause, edge.effect) for edge in edges}
        same = all(edge.cause.entity == edge.effect.entity for edge in edges)
        if (same or relation) and len(pairs) >= _MOST_OF * _places(place, proposal.variables, topology):
            lags = sorted({edge.lag for edge in edges})
            usual = max(lags, key=lambda lag: (sum(edge.lag == lag for edge in edges), -lag))
            rules.append(Rule(cause, effect, (usual,), relation, start, end))
        else:
            rules += [Rule(str(edge.cause), str(edge.effect), (edge.lag,)) for edge in edges]
    return tuple(rules)


def _place(edge: ProposedEdge, topology: Topology) -> Place:
    signals = edge.cause.signal, edge.effect.signal
    if edge.cause.entity != edge.effect.entity:
        for tie in topology.ties:
            ends = {entity: end for end, entity in tie.ends}
            if edge.cause.entity in ends and edge.effect.entity in ends:
                return (*signals, tie.relation, ends[edge.cause.entity], ends[edge.effect.entity])
    return (*signals, "", "", "")


def _places(place: Place, variables: Sequence[Variable], topology: Topology) -> int:
    """In how many places a template applies."""
    cause, effect, relation, start, end = place
    there = set(variables)
    if not relation:
        return sum(Variable(one.entity, effect) in there for one in variables if one.signal == cause)

    def has(entity: Entity | None, signal: str) -> bool:
        return entity is not None and Variable(entity, signal) in there

    return sum(has(tie.end(start), cause) and has(tie.end(end), effect) for tie in topology.along(relation))
