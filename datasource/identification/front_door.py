"""Identification by the front door: through what the treatment moves, and that alone moves the outcome."""

from collections.abc import Collection, Iterator
from itertools import combinations, islice
from typing import NamedTuple

import networkx as nx

from datasource.graph import LaggedVariable
from datasource.identification.adjustment import Criterion, descendants
from datasource.identification.unrolled import Unrolled

_MOST_VARIABLES = 3
_MOST_TRIED = 100


class Mediators(NamedTuple):
    """What the effect passes through, and what has to be adjusted for on both sides of it."""

    moments: frozenset[LaggedVariable]
    adjustment_set: frozenset[LaggedVariable]


def find_mediators(unrolled: Unrolled) -> Iterator[Mediators]:
    """Measured variables that satisfy the front-door criterion (Pearl 1995), the fewest first.

    Each side is an adjustment of its own, by DoWhy's generalized adjustment: of the mediators for the treatments, given
    the adjustment set; of the outcome for the mediators, given the treatments too. The adjustment set follows from no
    treatment. (DoWhy's `identify_frontdoor` tries every subset and adjusts for nothing.)
    """
    for moments in islice(_intercepting(unrolled), _MOST_TRIED):
        before, after = _sides(unrolled, moments)
        for adjustment_set in _tries(unrolled, before, after):
            found = Mediators(moments, frozenset(adjustment_set))
            if _valid(unrolled, found, before, after):
                yield found


def valid_mediators(unrolled: Unrolled, found: Mediators) -> bool:
    """Whether the front-door criterion holds, given what is adjusted for."""
    intercepts = unrolled.causal >= found.moments and _intercepts(unrolled, found.moments)
    return intercepts and _valid(unrolled, found, *_sides(unrolled, found.moments))


def _valid(unrolled: Unrolled, found: Mediators, before: Criterion, after: Criterion) -> bool:
    fixed = found.adjustment_set
    return unrolled.candidates >= fixed and before.separates(fixed) and after.separates(fixed | unrolled.treatments)


def _sides(unrolled: Unrolled, moments: frozenset[LaggedVariable]) -> tuple[Criterion, Criterion]:
    before = Criterion(unrolled.graph, unrolled.treatments, moments, unrolled.measured)
    return before, Criterion(unrolled.graph, moments, {unrolled.outcome}, unrolled.measured)


def _intercepting(unrolled: Unrolled) -> Iterator[frozenset[LaggedVariable]]:
    between = {node for node in unrolled.causal if node in unrolled.measured and node != unrolled.outcome}
    between = {node for node in between if node.variable != unrolled.outcome.variable}
    variables = sorted({node.variable for node in between})
    for size in range(1, _MOST_VARIABLES + 1):
        for chosen in combinations(variables, size):
            moments = frozenset(node for node in between if node.variable in chosen)
            if _intercepts(unrolled, moments):
                yield moments


def _intercepts(unrolled: Unrolled, moments: Collection[LaggedVariable]) -> bool:
    """Whether every causal path passes through the mediators."""
    past = unrolled.graph.subgraph((unrolled.causal | unrolled.treatments) - set(moments)).copy()
    past.remove_edges_from(list(past.in_edges(unrolled.treatments)))
    return unrolled.outcome not in descendants(past, unrolled.treatments)


def _tries(unrolled: Unrolled, before: Criterion, after: Criterion) -> Iterator[set[LaggedVariable]]:
    """Sets that may close both sides, the smallest first."""
    yield set()
    firsts = list(before.minimal_sets())
    if not firsts:
        return
    usable = (unrolled.candidates - after.forbidden - after.treatments) | unrolled.treatments
    second = nx.find_minimal_d_separator(
        after.proper_backdoor,
        set(after.treatments),
        {unrolled.outcome},
        included=set(unrolled.treatments),
        restricted=usable,
    )
    if second is None:
        return
    second = set(second) - unrolled.treatments
    yield from sorted([*firsts, second, *(first | second for first in firsts)], key=len)
