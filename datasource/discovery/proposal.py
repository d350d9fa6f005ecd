"""What a method of discovery answers: edges that it proposes, each with its evidence, and what it refuses."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from datasource.data import Entity, Variable
from datasource.graph.model import Evidence


class ProposedEdge(NamedTuple):
    """`cause` at `lag` steps before moves `effect`, as far as the data and the prior tell.

    `strength` is the partial correlation of the two, given the other causes of the effect, in [-1, 1]; `stability` the
    share of resampled data in which the edge is found again, NaN where nothing was resampled. Of an edge that is not
    `oriented` the data cannot tell the direction. `evidence` says who speaks for the edge; kind `doubtful` speaks
    against it.
    """

    cause: Variable
    effect: Variable
    lag: int
    strength: float
    stability: float
    oriented: bool
    evidence: tuple[Evidence, ...]

    @property
    def is_new(self) -> bool:
        """Whether only data speak for it."""
        return all(one.kind in ("discovered", "doubtful") for one in self.evidence)

    @property
    def doubt(self) -> str:
        """What speaks against it; empty where nothing does."""
        return "; ".join(one.by for one in self.evidence if one.kind == "doubtful")


class RefusedEdge(NamedTuple):
    """A dependence in the data that does not become an edge, and why."""

    cause: Variable
    effect: Variable
    reason: str


class Place(NamedTuple):
    """What a known rule explains of an effect at one of its places, from which its doubts are drawn.

    `share` is the partial R^2, infinite where too little happened to tell; `score` is chi-squared with `freedom` where
    the rule explains nothing; `turned` says that the data fit the other direction, empty where they do not.
    """

    rule: str
    effect: Variable
    share: float
    score: float
    freedom: int
    turned: str = ""


class Proposal(NamedTuple):
    """The edges that a method found over some variables, and what it has to say of the data.

    `places` is what known rules explain, where a method judges those; of the entities `unseen` there was no time to
    look for what moves them.
    """

    method: str
    variables: tuple[Variable, ...]
    edges: tuple[ProposedEdge, ...]
    refused: tuple[RefusedEdge, ...] = ()
    notices: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    unseen: tuple[Entity, ...] = ()

    @property
    def proposed(self) -> tuple[ProposedEdge, ...]:
        """The edges that nobody but the data speaks for."""
        return tuple(edge for edge in self.edges if edge.is_new)

    @property
    def doubtful(self) -> tuple[ProposedEdge, ...]:
        """The edges of people or of the topology that the data speak against."""
        return tuple(edge for edge in self.edges if edge.doubt and not edge.is_new)

    def with_earlier(self, earlier: "Proposal") -> "Proposal":
        """With the new edges that were found earlier into the entities for which there was no time now."""
        there = {frozenset((edge.cause, edge.effect)) for edge in self.edges}
        kept = [
            edge
            for edge in earlier.proposed
            if edge.effect.entity in self.unseen and frozenset((edge.cause, edge.effect)) not in there
        ]
        return self._replace(edges=in_order([*self.edges, *kept])) if kept else self


def in_order(edges: Sequence[ProposedEdge]) -> tuple[ProposedEdge, ...]:
    """New ones first, then doubtful ones; of each the steadiest and strongest first."""

    def place(edge: ProposedEdge) -> tuple[bool, bool, float, float, Variable, Variable, int]:
        stable, strong = (abs(one) if isfinite(one) else 0.0 for one in (edge.stability, edge.strength))
        return not edge.is_new, not edge.doubt, -stable, -strong, edge.cause, edge.effect, edge.lag

    return tuple(sorted(edges, key=place))
