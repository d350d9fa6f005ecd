"""The causal graph: edges between variables, each with its lag and why it is there."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple

from datasource.data import Variable

Kind = Literal["expert", "template", "topology", "discovered", "confirmed", "refuted", "doubtful"]


class Evidence(NamedTuple):
    """Why an edge is there, or what speaks against it (`refuted`, `doubtful`).

    `by` is who says so: the rule of an expert or of a template, a relation, a method, an intervention. `at` is since
    when (seconds since 1970), `strength` in the kind's own measure, `why` a sentence.
    """

    kind: Kind
    by: str
    at: int | None = None
    strength: float | None = None
    why: str = ""


class Edge(NamedTuple):
    """`cause` at `lag` steps before moves `effect`; `relation` ties their entities, empty within one."""

    cause: Variable
    effect: Variable
    lag: int
    relation: str = ""
    evidence: tuple[Evidence, ...] = ()

    def __str__(self) -> str:
        return f"{self.cause} -> {self.effect}" + (f" (lag {self.lag})" if self.lag else "")


@dataclass(frozen=True)
class CausalGraph:
    """Variables and edges; acyclic among the edges of lag 0. `unmeasured` are those variables that nobody measures."""

    variables: tuple[Variable, ...]
    edges: tuple[Edge, ...]
    unmeasured: frozenset[Variable] = frozenset()

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: what is remembered beside them may grow while this is sent to a worker."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def _parents(self) -> dict[Variable, tuple[Edge, ...]]:
        parents: dict[Variable, list[Edge]] = {}
        for edge in self.edges:
            parents.setdefault(edge.effect, []).append(edge)
        return {variable: tuple(sorted(edges)) for variable, edges in parents.items()}

    def parents(self, variable: Variable) -> tuple[Edge, ...]:
        """The edges into a variable, in a fixed order."""
        return self._parents.get(variable, ())

    @cached_property
    def _children(self) -> dict[Variable, tuple[Edge, ...]]:
        children: dict[Variable, list[Edge]] = {}
        for edge in self.edges:
            children.setdefault(edge.cause, []).append(edge)
        return {variable: tuple(edges) for variable, edges in children.items()}

    def children(self, variable: Variable) -> tuple[Edge, ...]:
        """The edges out of a variable."""
        return self._children.get(variable, ())

    @cached_property
    def longest_lag(self) -> int:
        """The lag of the edge that acts latest, 0 without edges."""
        return max((edge.lag for edge in self.edges), default=0)

    @cached_property
    def _effects(self) -> dict[Variable, tuple[Variable, ...]]:
        effects: dict[Variable, dict[Variable, None]] = {}
        for edge in self.edges:
            effects.setdefault(edge.cause, {})[edge.effect] = None
        return {variable: tuple(found) for variable, found in effects.items()}

    def effects_of(self, variable: Variable) -> tuple[Variable, ...]:
        """The variables that edges from this one lead to, at whatever lag."""
        return self._effects.get(variable, ())

    def ancestors(self, variables: Iterable[Variable]) -> set[Variable]:
        """These variables and everything that leads to them, at whatever lag."""
        found: set[Variable] = set()
        waiting = list(variables)
        while waiting:
            variable = waiting.pop()
            if variable not in found:
                found.add(variable)
                waiting += [edge.cause for edge in self.parents(variable)]
        return found

    def descendants(self, variable: Variable) -> set[Variable]:
        """This variable and everything that it leads to, at whatever lag."""
        found: set[Variable] = set()
        waiting = [variable]
        while waiting:
            variable = waiting.pop()
            if variable not in found:
                found.add(variable)
                waiting += self.effects_of(variable)
        return found

    @cached_property
    def version(self) -> str:
        """A fingerprint of the edges, whatever their evidence, and of what is unmeasured."""
        text = "\n".join(sorted(f"{edge.cause} {edge.effect} {edge.lag}" for edge in self.edges))
        text += "".join(f"\n? {variable}" for variable in sorted(self.unmeasured))
        return hashlib.sha256(text.encode()).hexdigest()[:12]
