"""The default: templates, topology and names as a prior, data as the likelihood, and how steady each edge is.

The likeliest graph is climbed to over two views of the data: what is new in each variable given its own past, and its
levels without trend. Neither may count for more rows than `_MOST_ROWS`: monitoring data breaks every model in small
ways, and thousands of rows would make all of them edges. The direction is that of the prior, moved by which of the two
comes first. Blocks of time are resampled to say how often an edge is found again (Künsch 1989).
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from datasource.data import Floats, Matrix
from datasource.discovery.climb import Bools, Ints, Problem, View, climb, joined
from datasource.discovery.orient import from_acyclic
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal, ProposedEdge, RefusedEdge, in_order
from datasource.discovery.repair import Repair
from datasource.discovery.series import Series, effective, lagged, prepare
from datasource.graph.model import Evidence

NAME = "hybrid"
_MOST_ROWS = 60
"""Independent rows for which the data count at most, so that the prior is heard."""
_BLOCKS = 24
_RESAMPLES = 20
_MOST_FOR_ORDER = 3.0
"""Log-odds of a direction that which comes first may give at most."""
_UNDECIDED = 0.4
"""Log-odds below which nothing tells the direction."""
_SURE = 3.0
"""Log-likelihood that an edge must gain if all rows count: a probability of 1.4% by chance."""
_JOINS = 2.0
"""Log-odds for an edge between parts of the graph that nothing else ties: few metrics of a system stand alone."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges between the variables of a matrix. Variables that never move are named in the notices.

    Where a graph is known, its edges stay, doubtful or not, and those that it lacks are added; see `repair`.
    """
    series = prepare(matrix, ranks=not prior.known)
    notices = tuple(f"{variable} is left out: it {why}" for variable, why in series.left_out)
    if len(series.variables) < 2:
        return Proposal(NAME, matrix.variables, (), (), (*notices, "fewer than two variables move"))
    edges, refused, places = Repair(series, prior, NAME).judge() if prior.known else (*_search(series, prior), ())
    return Proposal(NAME, series.variables, in_order(edges), tuple(refused), notices, places)


def _search(series: Series, prior: Prior) -> tuple[list[ProposedEdge], list[RefusedEdge]]:
    """The likeliest graph where none is known."""
    count = len(series.variables)
    longest = prior.longest_lag if series.has_memory else 0
    views = _Views(series, longest)
    column, lag = views.columns()
    presence, direction = prior.odds(series.variables)
    direction = direction + views.order(longest)
    odds = presence - np.log1p(np.exp(-direction)) - views.penalty
    acyclic, fixed = np.ones((count, count), dtype=np.bool_), np.zeros((count, count), dtype=np.bool_)
    problem = Problem(views.whole(), column, acyclic, odds, prior.allowed(series.variables), fixed, views.least)
    graph = joined(problem, climb(problem), _JOINS)
    again = np.zeros((count, count))
    for resampled in views.resampled():
        again += climb(replace(problem, views=resampled))
    edges = _edges(series, graph, lag, _strength(problem, graph), again / _RESAMPLES, direction)
    return list(edges), list(_refused(series, prior, problem, graph))


class _Views:
    """The two views of the data, whole and resampled."""

    def __init__(self, series: Series, longest: int) -> None:
        self.count = len(series.variables)
        self.longest = longest
        innovations = series.innovations(longest) if longest else series.values
        rows = [lagged(innovations, longest)]
        all_rows = [np.full(self.count, float(rows[0].shape[1]))]
        if longest:
            levels = series.without_trend()
            rows.append(lagged(levels[:, longest:], longest))
            memory = (levels[:, 1:] * levels[:, :-1]).mean(axis=1)
            worth = np.median(effective(memory, levels.shape[1]), axis=0)
            all_rows.append(worth)
        self.rows = [np.minimum(own, _MOST_ROWS) for own in all_rows]
        self._blocks = [np.array([part @ part.T for part in np.array_split(one, _BLOCKS, axis=1)]) for one in rows]
        self.least = _SURE * float(min((own / full).mean() for own, full in zip(self.rows, all_rows, strict=True)))
        self.penalty = 0.5 * np.log(max(float(np.mean(self.rows)), 2.0))
        self._whole = tuple(_view(blocks.sum(axis=0), own) for blocks, own in zip(self._blocks, self.rows, strict=True))

    def whole(self) -> tuple[View, ...]:
        return self._whole

    def resampled(self) -> Iterator[tuple[View, ...]]:
        rng = np.random.default_rng(0)
        for _ in range(_RESAMPLES):
            weights = rng.multinomial(_BLOCKS, np.full(_BLOCKS, 1 / _BLOCKS)).astype(np.float64)
            yield tuple(
                _view(np.tensordot(weights, blocks, 1), own)
                for blocks, own in zip(self._blocks, self.rows, strict=True)
            )

    def _crossed(self) -> Floats:
        """Squared correlations of what is new (lag x cause x effect)."""
        matrix = self._whole[0].correlations
        found: Floats = matrix[:, : self.count].reshape(self.longest + 1, self.count, self.count) ** 2
        return found

    def columns(self) -> tuple[Ints, Ints]:
        """By cause and effect, the row at which the cause acts, and its lag: that at which the two agree most."""
        crossed = self._crossed()
        crossed[0] += 2 / self.rows[0][0]
        lag = crossed.argmax(axis=0).astype(np.int64)
        return lag * self.count + np.arange(self.count)[:, None], lag

    def order(self, longest: int) -> Floats:
        """Log-odds that row is the cause of column, from which of them comes first."""
        if not longest:
            return np.zeros((self.count, self.count))
        ahead = self._crossed()[1:].max(axis=0)
        found: Floats = np.clip(0.5 * self.rows[0][0] * (ahead - ahead.T), -_MOST_FOR_ORDER, _MOST_FOR_ORDER)
        return found


def _view(gram: Floats, rows: Floats) -> View:
    spread = np.sqrt(np.maximum(np.diag(gram), 1e-12))
    return View(gram / np.outer(spread, spread), rows)


def _strength(problem: Problem, graph: Bools) -> Floats:
    """Partial correlations of cause and effect given the effect's other causes, the larger of the views."""
    found = np.zeros(graph.shape)
    for cause, effect in np.argwhere(graph):
        parents = np.flatnonzero(graph[:, effect])
        chosen = [*problem.column[parents, effect], effect]
        for view in problem.views:
            inverse = np.linalg.pinv(view.correlations[np.ix_(chosen, chosen)])
            place = int(np.flatnonzero(parents == cause)[0])
            value = -inverse[place, -1] / np.sqrt(inverse[place, place] * inverse[-1, -1])
            if abs(value) > abs(found[cause, effect]):
                found[cause, effect] = value
    return found


def _edges(
    series: Series, graph: Bools, lag: Ints, strength: Floats, again: Floats, direction: Floats
) -> Iterator[ProposedEdge]:
    compelled = from_acyclic(graph)
    compelled &= ~compelled.T
    for i, j in np.argwhere(graph):
        cause, effect = series.variables[i], series.variables[j]
        oriented = bool(direction[i, j] >= _UNDECIDED or lag[i, j] > 0 or compelled[i, j])
        stability = again[i, j] if oriented else again[i, j] + again[j, i]
        evidence = Evidence("discovered", NAME, None, round(float(strength[i, j]), 4))
        yield ProposedEdge(
            cause, effect, int(lag[i, j]), float(strength[i, j]), float(stability), oriented, (evidence,)
        )


def _refused(series: Series, prior: Prior, problem: Problem, graph: Bools) -> Iterator[RefusedEdge]:
    """Pairs that depend on each other given what is there, and that the prior forbids."""
    for i, j in np.argwhere(~problem.allowed):
        cause, effect = series.variables[i], series.variables[j]
        if i == j or (cause, effect) not in prior.forbidden or graph[j, i]:
            continue
        gain = problem.gains(int(j), np.flatnonzero(graph[:, j]).tolist())[i]
        if gain + problem.odds[i, j] > 0:
            yield RefusedEdge(cause, effect, prior.forbidden[cause, effect])
