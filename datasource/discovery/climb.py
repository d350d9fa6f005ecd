"""The likeliest graph by a score: hill climbing over edges, with the prior's log-odds in the score.

Chickering's operators (2002) on graphs, add, delete and reverse, over correlation matrices of one or several views of
the same data. Gains of all edges into a variable are computed at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_LEAST = 1e-9
_MOST_PARENTS = 8
_ADD, _TURN = 0, 2


@dataclass(frozen=True)
class View:
    """One way to look at the data: correlations of lagged rows, and how many independent rows each effect has."""

    correlations: Floats
    rows: Floats


@dataclass(frozen=True)
class Problem:
    """What is searched. All arrays are cause x effect, but for the views.

    `column` is the row of the views at which the cause acts (its best lag), `instant` whether that is at lag 0, `odds`
    the log-odds of the edge, and `allowed` and `fixed` which edges may and which must be there. By an edge data must
    gain `least`, in log-likelihood, however likely the prior makes it.
    """

    views: Sequence[View]
    column: Ints
    instant: Bools
    odds: Floats
    allowed: Bools
    fixed: Bools
    least: float = 0.0

    def gains(self, effect: int, parents: Sequence[int]) -> Floats:
        """By cause, what log-likelihood gains by one more edge into `effect`, mean over the views."""
        total = np.zeros(len(self.column))
        for view in self.views:
            matrix = view.correlations
            asked = self.column[:, effect]
            given = asked[list(parents)]
            crossed, spread, own = matrix[asked, effect], np.ones(len(asked)), 1.0
            if len(given):
                solved = np.linalg.solve(matrix[np.ix_(given, given)] + _LEAST * np.eye(len(given)), matrix[given])
                crossed = crossed - matrix[asked][:, given] @ solved[:, effect]
                spread = 1.0 - np.einsum("ca,ac->c", matrix[asked][:, given], solved[:, asked])
                own = 1.0 - float(matrix[given, effect] @ solved[:, effect])
            squared = crossed**2 / np.maximum(spread * max(own, _LEAST), _LEAST)
            total -= 0.5 * view.rows[effect] * np.log1p(-np.clip(squared, 0.0, 1 - 1e-6))
        return total / len(self.views)


def climb(problem: Problem) -> Bools:
    """The graph (cause x effect) at which no single change gains anything; without cycles among instant edges."""
    count = len(problem.column)
    graph = problem.fixed.copy()
    add = np.full((count, count), -np.inf)
    drop = np.full((count, count), -np.inf)

    def refresh(effect: int) -> None:
        parents = np.flatnonzero(graph[:, effect]).tolist()
        gains = problem.gains(effect, parents)
        add[:, effect] = np.where(gains >= problem.least, gains + problem.odds[:, effect], -np.inf)
        if len(parents) >= _MOST_PARENTS:
            add[:, effect] = -np.inf
        drop[:, effect] = -np.inf
        for parent in parents:
            if not problem.fixed[parent, effect]:
                others = [one for one in parents if one != parent]
                gain = problem.gains(effect, others)[parent]
                drop[parent, effect] = -gain - problem.odds[parent, effect] if gain >= problem.least else 1.0

    for effect in range(count):
        refresh(effect)
    for _ in range(10 * count * count):
        closes = ways(graph & problem.instant).T & problem.instant
        free = problem.allowed & ~graph & ~graph.T
        adding = np.where(free & ~closes, add, -np.inf)
        turning = np.where(graph & ~problem.fixed & problem.allowed.T, drop + add.T, -np.inf)
        best, change = max((float(one.max()), which) for which, one in enumerate((adding, drop)))
        while turning.max() > best:
            place = divmod(int(turning.argmax()), count)
            if not problem.instant.T[place] or not _other_way(graph & problem.instant, *place):
                best, change = float(turning.max()), _TURN
                break
            turning[place] = -np.inf
        if best <= _LEAST:
            break
        cause, effect = divmod(int(np.argmax((adding, drop, turning)[change])), count)
        graph[cause, effect] = change == _ADD
        refresh(effect)
        if change == _TURN:
            graph[effect, cause] = True
            refresh(cause)
    return graph


def joined(problem: Problem, graph: Bools, bonus: float) -> Bools:
    """The graph with the likeliest edges between its separate parts, where they gain something with a `bonus`."""
    graph = graph.copy()
    while True:
        apart = ~ways(graph | graph.T)
        best, place = 0.0, None
        for effect in np.flatnonzero(apart.any(axis=0)):
            gains = problem.gains(int(effect), np.flatnonzero(graph[:, effect]).tolist())
            able = apart[:, effect] & problem.allowed[:, effect] & (gains >= problem.least)
            gains = np.where(able, gains + problem.odds[:, effect] + bonus, -np.inf)
            if gains.max() > best:
                best, place = float(gains.max()), (int(gains.argmax()), int(effect))
        if place is None:
            return graph
        graph[place] = True


def ways(graph: Bools) -> Bools:
    """Which variable leads to which, itself included."""
    reach = graph | np.eye(len(graph), dtype=np.bool_)
    while True:
        further = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
        if (further == reach).all():
            return reach
        reach = further


def _other_way(graph: Bools, cause: int, effect: int) -> bool:
    """Whether a cause leads to an effect without their own edge."""
    seen = np.zeros(len(graph), dtype=np.bool_)
    front = graph[cause].copy()
    front[effect] = False
    while front.any():
        seen |= front
        front = graph[front].any(axis=0) & ~seen
    return bool(seen[effect])
