"""What data say of a graph that is known: which of its edges they doubt, and which edges it lacks.

Each effect is regressed on its own past and on the causes that the graph gives it, and what a further variable explains
of the rest is its partial R^2: momentary conditional independence (Runge 2019) with the known causes as conditions. The
edges that one rule brings about are judged together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Place, ProposedEdge, RefusedEdge
from datasource.discovery.series import Series, lagged
from datasource.graph.evidence import written_by
from datasource.graph.model import Edge, Evidence

_LEAST_NEW = 0.02
"""Share of what is left of the effect that a new cause must explain."""
_LEAST_KNOWN = 0.01
"""Share below which, at each of its places, a known rule explains nothing that matters."""
_SURE = 1e-3
"""Significance of a new edge, divided by the number of candidates of its effect."""
_NOTHING = 0.05
"""p-value above which the edges of a rule explain nothing together."""
_FEWEST = 10
"""Times that something must have happened to be a cause or an effect that data can tell."""
_MOST_CAUSES = 12
REFUSALS = 20
"""Dependences that are no edges are told up to so many, the clearest."""
_AS_GOOD = 0.8
"""Of several lags, the first counts that is nearly as strong as the strongest."""
_OTHER_WAY = -2.0
"""Log-odds of an edge's direction below which the roles say that it goes the other way."""
_BLOCKS, _RESAMPLES = 24, 20
_RIDGE = 1e-10


@dataclass(frozen=True)
class _Gram:
    """Products of lagged rows, whole or of resampled blocks; `at` finds the row of a variable at a lag."""

    products: Floats
    at: Mapping[tuple[int, int], int]
    longest: int
    n: int

    def explained(self, effect: int, first: Mapping[int, int], cause: int, from_lag: int) -> tuple[float, Floats]:
        """Partial R^2 of a cause at its lags from `from_lag` on, and its partial correlation at each of them, given the
        effect's own past and its other causes, `first` saying from which lag on each of them acts."""
        given = [self.at[effect, lag] for lag in range(1, self.longest + 1)]
        for one, start in first.items():
            given += [self.at[one, lag] for lag in range(start, self.longest + 1) if one != cause]
        added = [self.at[cause, lag] for lag in range(from_lag, max(self.longest, from_lag) + 1)]
        chosen = [*added, self.at[effect, 0]]
        left = self.products[np.ix_(chosen, chosen)]
        before = np.diag(left).copy()
        if given:
            inner = self.products[np.ix_(given, given)]
            inner = inner + _RIDGE * np.trace(inner) / len(given) * np.eye(len(given))
            crossed = self.products[np.ix_(given, chosen)]
            left = left - crossed.T @ np.linalg.solve(inner, crossed)
        moving = np.diag(left) > 1e-7 * before
        spread = np.sqrt(np.where(moving, np.diag(left), 1.0))
        matrix = np.where(np.outer(moving, moving), left / np.outer(spread, spread), 0.0)
        inside = matrix[:-1, :-1] * (1 - 1e-6) + np.diag(np.where(moving[:-1], 1e-6, 1.0))
        share = float(matrix[:-1, -1] @ np.linalg.solve(inside, matrix[:-1, -1]))
        return min(max(share, 0.0), 1.0), matrix[:-1, -1]

    def p_value(self, share: float, first: Mapping[int, int], added: int) -> float:
        """Of a partial R^2, by the F test."""
        used = self.longest * (1 + len(first)) + added + 1
        freedom = max(self.n - used, 1)
        return float(stats.f.sf(share / added / max(1 - share, 1e-12) * freedom, added, freedom))


def doubts(places: Sequence[Place]) -> dict[str, str]:
    """By rule, why its edges are doubtful, out of all its places together."""
    by_rule: dict[str, list[Place]] = {}
    for place in places:
        by_rule.setdefault(place.rule, []).append(place)
    found: dict[str, str] = {}
    for rule, own in by_rule.items():
        judged = [place for place in own if not place.turned]
        largest = max((place.share for place in judged), default=np.inf)
        score, freedom = sum(place.score for place in judged), sum(place.freedom for place in judged)
        p_value = stats.chi2.sf(score, max(freedom, 1))
        if largest < _LEAST_KNOWN or (judged and p_value > _NOTHING):
            found[rule] = (
                f"'{rule}' explains at most {largest:.1%} of what its effect's other causes and past leave "
                f"(p = {p_value:.2g}, {len(judged)} places)"
            )
        elif turned := [place.turned for place in own if place.turned]:
            found[rule] = turned[-1]
    return found


def with_doubts(edges: Sequence[ProposedEdge], doubtful: Mapping[str, str]) -> list[ProposedEdge]:
    """Known edges, with what speaks against their rules."""
    found = []
    for edge in edges:
        doubt = doubtful.get(written_by(Edge(edge.cause, edge.effect, edge.lag, "", edge.evidence)), "")
        against = (Evidence("doubtful", doubt, None, round(abs(edge.strength), 4)),) if doubt else ()
        found.append(edge._replace(evidence=(*edge.evidence, *against)))
    return found


class Repair:
    """The known graph over the variables of a series, and what data say of it."""

    def __init__(self, series: Series, prior: Prior, method: str) -> None:
        self.series, self.prior, self.method = series, prior, method
        self.longest = prior.longest_lag if series.has_memory else 0
        self.places = {variable: place for place, variable in enumerate(series.variables)}
        self.rows = lagged(series.values, self.longest)
        self.known = [edge for edge in prior.known if {edge.cause, edge.effect} <= self.places.keys()]
        self.allowed = prior.allowed(series.variables)
        self.direction = prior.odds(series.variables)[1]
        self.first: list[dict[int, int]] = [{} for _ in series.variables]
        for edge in self.known:
            own, cause = self.first[self.places[edge.effect]], self.places[edge.cause]
            own[cause] = min(own.get(cause, self.longest), edge.lag)
        self.turned: set[tuple[int, int]] = set()
        for effect, own in enumerate(self.first):
            for cause in [one for one, lag in own.items() if lag == 0 and self.direction[one, effect] <= _OTHER_WAY]:
                self.turned.add((cause, effect))
                del own[cause]

    def judge(self) -> tuple[list[ProposedEdge], list[RefusedEdge], tuple[Place, ...]]:
        """All known edges, doubtful or not, those that are missing, dependences that are no edges, and what each rule
        explains at its places."""
        refused: list[tuple[float, RefusedEdge]] = []
        known = {effect: set(first) for effect, first in enumerate(self.first)}
        for effect in range(len(self.series.variables)):
            self._add_missing(effect)
        places = tuple(self._places())
        found = with_doubts([self._known(edge) for edge in self.known], doubts(places))
        for effect, first in enumerate(self.first):
            found += [self._new(cause, effect) for cause in first if cause not in known[effect]]
            refused += self._refused(effect)
        refused.sort(key=lambda one: -one[0])
        return found, [one for _, one in refused[:REFUSALS]], places

    @cached_property
    def happened(self) -> list[int]:
        """How often each variable was not what it mostly is."""
        values = self.series.values
        return [len(row) - int(np.unique(row, return_counts=True)[1].max()) for row in values]

    def _gram(self, effect: int, more: Sequence[int] = (), weights: Floats | None = None) -> _Gram:
        """Products of the rows of an effect, its causes, and some more; blocks counted as often as `weights` say."""
        used = list(dict.fromkeys([effect, *self.first[effect], *more]))
        count = len(self.series.variables)
        at = {
            (one, lag): number
            for number, (one, lag) in enumerate((u, k) for u in used for k in range(self.longest + 1))
        }
        rows = self.rows[[lag * count + one for one, lag in at]]
        if weights is not None:
            of_time = np.repeat(weights, [len(part) for part in np.array_split(np.arange(rows.shape[1]), len(weights))])
            return _Gram((rows * of_time) @ rows.T, at, self.longest, rows.shape[1])
        return _Gram(rows @ rows.T, at, self.longest, rows.shape[1])

    def _add_missing(self, effect: int) -> None:
        """Causes that explain more of an effect than chance, the clearest first."""
        first = self.first[effect]
        candidates = [
            int(one)
            for one in np.flatnonzero(self.allowed[:, effect] & (self.direction[:, effect] > 0))
            if one not in first and self.first[one].get(effect, 1) > 0 and self.happened[one] >= _FEWEST
        ]
        if self.happened[effect] < _FEWEST or not candidates:
            return
        gram = self._gram(effect, candidates)
        level = _SURE / len(candidates)
        while candidates and len(first) < _MOST_CAUSES:
            shares = [gram.explained(effect, first, one, 0)[0] for one in candidates]
            best = int(np.argmax(shares))
            if shares[best] < _LEAST_NEW or gram.p_value(shares[best], first, self.longest + 1) > level:
                return
            first[candidates.pop(best)] = 0

    def _places(self) -> Iterator[Place]:
        """What the rules of the known edges explain, pair by pair."""
        times = self.rows.shape[1]
        for pair, rule in {(edge.cause, edge.effect): written_by(edge) for edge in self.known}.items():
            cause, effect = (self.places[one] for one in pair)
            if min(self.happened[cause], self.happened[effect]) < _FEWEST:
                yield Place(rule, pair[1], np.inf, np.inf, 0)
            elif (cause, effect) in self.turned and effect in self.first[cause]:
                turned = f"the data fit {pair[1]} -> {pair[0]} as well, and the roles make that likelier"
                yield Place(rule, pair[1], 0.0, 0.0, 0, turned)
            else:
                start = self.first[effect].get(cause, 0)
                share = self._gram(effect, [cause]).explained(effect, self.first[effect], cause, start)[0]
                yield Place(rule, pair[1], share, times * share, self.longest + 1 - start)

    def _known(self, edge: Edge) -> ProposedEdge:
        cause, effect = self.places[edge.cause], self.places[edge.effect]
        start = self.first[effect].get(cause, 0)
        _, by_lag = self._gram(effect, [cause]).explained(effect, self.first[effect], cause, start)
        at = edge.lag - start
        strength = float(by_lag[at]) if 0 <= at < len(by_lag) else float("nan")
        return ProposedEdge(edge.cause, edge.effect, edge.lag, strength, float("nan"), True, edge.evidence)

    def _new(self, cause: int, effect: int) -> ProposedEdge:
        gram = self._gram(effect)
        share, by_lag = gram.explained(effect, self.first[effect], cause, 0)
        lag = int(np.flatnonzero(np.abs(by_lag) >= _AS_GOOD * np.abs(by_lag).max())[0])
        rng = np.random.default_rng(0)
        again = 0
        for _ in range(_RESAMPLES):
            weights = rng.multinomial(_BLOCKS, np.full(_BLOCKS, 1 / _BLOCKS)).astype(np.float64)
            share, resampled = self._gram(effect, weights=weights).explained(effect, self.first[effect], cause, 0)
            again += share > _LEAST_NEW / 2 and resampled[lag] * by_lag[lag] > 0
        strength = float(by_lag[lag])
        variables = self.series.variables
        evidence = (Evidence("discovered", self.method, None, round(strength, 4)),)
        return ProposedEdge(variables[cause], variables[effect], lag, strength, again / _RESAMPLES, True, evidence)

    def _refused(self, effect: int) -> Iterator[tuple[float, RefusedEdge]]:
        """What depends on an effect beside its causes, and is forbidden, with how much it explains."""
        variables, first = self.series.variables, self.first[effect]
        forbidden = [
            cause
            for cause, variable in enumerate(variables)
            if (variable, variables[effect]) in self.prior.forbidden
            and self.direction[cause, effect] >= 0
            and self.happened[cause] >= _FEWEST
        ]
        if not forbidden or self.happened[effect] < _FEWEST or len(variables) > _MOST_FOR_REFUSALS:
            return
        gram = self._gram(effect, forbidden)
        for cause in forbidden:
            share = gram.explained(effect, first, cause, 0)[0]
            if share > _LEAST_NEW and gram.p_value(share, first, self.longest + 1) < _SURE / len(forbidden):
                reason = self.prior.forbidden[variables[cause], variables[effect]]
                yield share, RefusedEdge(variables[cause], variables[effect], reason)


_MOST_FOR_REFUSALS = 300
"""Variables beyond which forbidden pairs are not looked at: there are their squares of them."""
