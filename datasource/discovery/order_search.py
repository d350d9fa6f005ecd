"""Score search over orders: the order of the variables whose best graph has the highest BIC.

Best Order Score Search (Andrews et al. 2023), which finds what GES does and more: one variable after the other is moved
to its best place, parents being grown and shrunk among those before it. Causes are sought among the variables that no
single third one makes independent.
"""

import numpy as np

from datasource.data import Floats, Matrix
from datasource.discovery.answer import answer, partial_correlations, required
from datasource.discovery.orient import by_prior, from_acyclic
from datasource.discovery.pc import PRIOR_DECIDES
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import correlations, effective, prepare
from datasource.discovery.skeleton import Bools, skeleton

NAME = "order_search"
_LOOSE = 0.2
"""Significance of the tests that leave variables out as causes."""
_SWEEPS = 10
_PENALTY = 1.0
"""Of each edge, in units of BIC's half logarithm of the rows."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lag 0. Rows of a series count as their effective number, for autocorrelation."""
    series = prepare(matrix, ranks=False)
    count = len(series.variables)
    if count < 2:
        return answer(NAME, series, prior, np.zeros((count, count), dtype=np.bool_), np.zeros((count, count)))
    rows = float(series.values.shape[1])
    if series.has_memory:
        rows = float(np.median(effective(series.memory, series.values.shape[1])))
    allowed, known = prior.allowed(series.variables), required(series, prior)
    graph = best_order_graph(correlations(series.values), rows, allowed | known)
    graph = by_prior(from_acyclic(graph), prior.odds(series.variables)[1], PRIOR_DECIDES)
    return answer(NAME, series, prior, graph & ~(~allowed & allowed.T), partial_correlations(series.values))


def best_order_graph(correlations: Floats, rows: float, allowed: Bools) -> Bools:
    """The acyclic graph (cause x effect) of the best order."""
    search = _Search(correlations, rows, allowed)
    order = list(range(len(correlations)))
    for _ in range(_SWEEPS):
        before = list(order)
        for variable in before:
            order = search.moved(order, variable)
        if order == before:
            break
    graph = np.zeros(correlations.shape, dtype=np.bool_)
    for place, variable in enumerate(order):
        graph[list(search.parents(variable, frozenset(order[:place]))[0]), variable] = True
    return graph


class _Search:
    """Local scores, remembered by what of a variable's possible causes stands before it."""

    def __init__(self, correlations: Floats, rows: float, allowed: Bools) -> None:
        self.matrix, self.rows = correlations, rows
        near = skeleton(correlations, rows, _LOOSE, allowed, most=1).adjacent
        self.possible = [frozenset(np.flatnonzero(near[:, one] & allowed[:, one]).tolist()) for one in range(len(near))]
        self.near = [self.possible[one] | frozenset(np.flatnonzero(near[one]).tolist()) for one in range(len(near))]
        self.penalty = _PENALTY * 0.5 * np.log(max(rows, 2.0))
        self._known: dict[tuple[int, frozenset[int]], tuple[tuple[int, ...], float]] = {}

    def parents(self, variable: int, before: frozenset[int]) -> tuple[tuple[int, ...], float]:
        """The parents among those before it, and the score."""
        before &= self.possible[variable]
        key = variable, before
        if key not in self._known:
            self._known[key] = self._grown(variable, before)
        return self._known[key]

    def moved(self, order: list[int], variable: int) -> list[int]:
        """The order with one variable at its best place."""
        rest = [one for one in order if one != variable]
        best = place = order.index(variable)
        current = 0.0
        gain = {place: 0.0}
        for step in (-1, 1):
            current, here = 0.0, place
            while 0 <= here + step <= len(rest):
                other = rest[here - 1] if step < 0 else rest[here]
                low = min(here, here + step)
                if other in self.near[variable]:
                    left = frozenset(rest[:low])
                    if step < 0:
                        current += self._swap(left, other, variable)
                    else:
                        current += self._swap(left, variable, other)
                here += step
                gain[here] = current
        best = max(gain, key=lambda one: (round(gain[one], 9), one == place))
        return [*rest[:best], variable, *rest[best:]]

    def _swap(self, before: frozenset[int], first: int, second: int) -> float:
        """What is gained when `second` goes before `first`, both right behind `before`."""
        now = self.parents(first, before)[1] + self.parents(second, before | {first})[1]
        then = self.parents(second, before)[1] + self.parents(first, before | {second})[1]
        return then - now

    def _grown(self, variable: int, before: frozenset[int]) -> tuple[tuple[int, ...], float]:
        chosen: list[int] = []
        left = sorted(before)
        spread = 1.0
        while left:
            spreads = np.array([self._spread(variable, [*chosen, one]) for one in left])
            best = int(spreads.argmin())
            if 0.5 * self.rows * np.log(spread / spreads[best]) <= self.penalty:
                break
            spread = float(spreads[best])
            chosen.append(left.pop(best))
        while chosen:
            spreads = np.array([self._spread(variable, [one for one in chosen if one != gone]) for gone in chosen])
            best = int(spreads.argmin())
            if 0.5 * self.rows * np.log(spreads[best] / spread) >= self.penalty:
                break
            spread = float(spreads[best])
            chosen.pop(best)
        return tuple(chosen), -0.5 * self.rows * np.log(spread) - self.penalty * len(chosen)

    def _spread(self, variable: int, given: list[int]) -> float:
        """The variance that is left of a variable."""
        if not given:
            return 1.0
        crossed = self.matrix[given, variable]
        solved = np.linalg.solve(self.matrix[np.ix_(given, given)] + 1e-9 * np.eye(len(given)), crossed)
        return max(1.0 - float(crossed @ solved), 1e-9)
