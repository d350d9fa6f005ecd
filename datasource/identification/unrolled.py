"""One question of effect on the time-unrolled graph, cut somewhere in the past."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import networkx as nx

from datasource.data import Variable
from datasource.graph import CausalGraph, LaggedVariable, unroll
from datasource.identification.adjustment import Criterion, ancestors

_DEEPENINGS = 4

Found = TypeVar("Found")


@dataclass(frozen=True)
class Settled(Generic[Found]):
    """What was found and holds on `graph`, twice as deep as it was found on.

    Without a `found`, `graph` is the one that has no answer, or None where there is one at no depth that lasts.
    """

    found: Found | None
    graph: "Unrolled | None"


class Question:
    """The joint treatment (X_t, X_t-1, ... X_t-lags) on Y_t; signals look over a `window` of so many steps.

    `beside` are moments that are of interest without leading to treatment or outcome.
    """

    def __init__(
        self,
        graph: CausalGraph,
        treatment: Variable,
        outcome: Variable,
        lags: int,
        window: int = 1,
        beside: Sequence[LaggedVariable] = (),
    ) -> None:
        self.graph = graph
        self.treatment = treatment
        self.outcome = outcome
        self.lags = lags
        self.window = window
        self.beside = frozenset(beside)
        depth = lags + 2 * max(1, graph.longest_lag)
        self._first_depth = max(depth, lags + window, *(moment.lag for moment in self.beside))
        self._unrolled: dict[int, Unrolled] = {}

    @cached_property
    def proxies(self) -> tuple[Variable, ...]:
        """Measured variables that lead to neither end but share an unmeasured cause with the treatment."""
        leading = self.graph.ancestors((self.treatment, self.outcome))
        hidden = self.graph.ancestors((self.treatment,)) & self.graph.unmeasured
        others = (one for one in self.graph.variables if one not in leading and one not in self.graph.unmeasured)
        return tuple(one for one in others if hidden and self.graph.ancestors((one,)) & hidden)

    def with_proxies(self) -> "Question":
        """The same question with the proxies beside it."""
        beside = [LaggedVariable(one, lag) for one in self.proxies for lag in range(self.lags + 1)]
        return Question(self.graph, self.treatment, self.outcome, self.lags, self.window, beside)

    def unrolled(self, depth: int = 0) -> "Unrolled":
        """The question over `depth` steps, the least that makes sense unless given."""
        depth = depth or self._first_depth
        if depth not in self._unrolled:
            self._unrolled[depth] = Unrolled(self, depth)
        return self._unrolled[depth]

    def settle(
        self, find: Callable[["Unrolled"], Iterable[Found]], holds: Callable[["Unrolled", Found], bool]
    ) -> Settled[Found]:
        """Look further back until one of what is found holds with twice the past too. More past only adds paths."""
        depth = self._first_depth
        for _ in range(_DEEPENINGS):
            unrolled = self.unrolled(depth)
            some = False
            for found in find(unrolled):
                some = True
                deeper = self.unrolled(2 * depth)
                if holds(deeper, found):
                    return Settled(found, deeper)
            if not some:
                return Settled(None, unrolled)
            depth *= 2
        return Settled(None, None)


class Unrolled(Criterion):
    """The ancestors of joint treatment and outcome over `depth` steps, and what adjustment may use of them."""

    def __init__(self, question: Question, depth: int) -> None:
        graph = question.graph
        self.treatment, self.outcome = question.treatment, LaggedVariable(question.outcome, 0)
        treatments = frozenset(LaggedVariable(question.treatment, lag) for lag in range(question.lags + 1))
        ends = frozenset({self.outcome, *treatments, *question.beside})
        whole = unroll(graph, graph.ancestors({end.variable for end in ends}), depth)
        past: nx.DiGraph = whole.subgraph(ancestors(whole, ends)).copy()
        measured = {node for node in past if node.variable not in graph.unmeasured}
        super().__init__(past, treatments, {self.outcome}, measured)

    @cached_property
    def unmeasured(self) -> tuple[Variable, ...]:
        """The unmeasured variables that have a say in the question."""
        return tuple(sorted({node.variable for node in self.graph if node not in self.measured}))
