"""How much of a returned path is true: edges against those along which the fault travelled."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import networkx as nx

Edge = tuple[str, str]
"""Caller and callee."""


class Matched(NamedTuple):
    """Edges of a returned path, how many of them are right, and of one true way how many it has, and how many it is.

    An edge is right when it lies on any true way from the cause to the symptom. The true way is the one that agrees
    best with what was returned: the highest F1, then the shortest.
    """

    returned: int
    right: int
    found: int
    true: int


def match(path: Sequence[Edge], travelled: Collection[Edge], cause: str, symptom: str) -> Matched | None:
    """A returned path against the true ways; None where the fault did not travel from the cause to the symptom."""
    upward = nx.DiGraph((callee, caller) for caller, callee in travelled)
    if cause == symptom or cause not in upward or symptom not in upward or not nx.has_path(upward, cause, symptom):
        return None
    ways = [{(b, a) for a, b in way} for way in nx.all_simple_edge_paths(upward, cause, symptom)]
    returned = set(path)
    best = max(ways, key=lambda way: (len(way & returned) / (len(way) + len(returned)), -len(way)))
    return Matched(len(returned), len(returned & set().union(*ways)), len(best & returned), len(best))


def scores(matched: Iterable[Matched]) -> tuple[float, float, float]:
    """Precision, recall and F1 of all edges together; there is one at least."""
    returned, right, found, true = (sum(column) for column in zip(*matched, strict=True))
    precision, recall = right / returned if returned else 0.0, found / true
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0
