"""PC over time: which variable at which lag moves which, tested by momentary conditional independence.

In the manner of PCMCI+ (Runge 2020): each variable first gets its lagged parents, the strongest conditions first; then
every link is tested given the parents of both its ends, so that autocorrelation of neither makes links; what is left at
lag 0 is the skeleton of what the lagged parents do not explain.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from datasource.data import Floats, Matrix
from datasource.discovery.answer import answer, required
from datasource.discovery.orient import by_prior, oriented
from datasource.discovery.pc import PRIOR_DECIDES
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import correlations, lagged, prepare
from datasource.discovery.skeleton import Bools, skeleton

NAME = "lagged_pc"
_ALPHA = 0.01
"""Significance of each link."""
_MOST = 8
"""Lagged parents that are held fixed at most."""

Link = tuple[int, int]
"""A variable and its lag."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lags from 0 to the prior's longest."""
    series = prepare(matrix)
    count, longest = len(series.variables), prior.longest_lag
    graph = np.zeros((longest + 1, count, count), dtype=np.bool_)
    strength = np.zeros((longest + 1, count, count))
    if count < 2 or series.values.shape[1] < 4 * (longest + 1) * 3:
        return answer(NAME, series, prior, graph, strength)
    allowed, known = prior.allowed(series.variables), required(series, prior)
    rows = lagged(series.values, 2 * longest)
    matrix_of_all = correlations(rows)
    times = rows.shape[1]
    parents = [_parents(matrix_of_all, count, effect, longest, times, allowed) for effect in range(count)]
    for effect in range(count):
        for cause, lag in parents[effect]:
            if cause == effect:
                continue
            given = [link for link in parents[effect] if link != (cause, lag)]
            given += [(one, own + lag) for one, own in parents[cause] if own + lag <= 2 * longest]
            value = _partial(matrix_of_all, count, (cause, lag), (effect, 0), given)
            if _p_value(value, times, len(set(given))) < _ALPHA:
                graph[lag, cause, effect], strength[lag, cause, effect] = True, value
    left = np.array([_left(rows, count, effect, parents[effect]) for effect in range(count)])
    instant = correlations(left)
    found = skeleton(instant, float(times - _MOST), _ALPHA, allowed, known)
    graph[0] = by_prior(oriented(found, allowed | known, known), prior.odds(series.variables)[1], PRIOR_DECIDES)
    strength[0] = np.where(graph[0], instant, 0.0)
    return answer(NAME, series, prior, graph, strength)


def _parents(matrix: Floats, count: int, effect: int, longest: int, times: int, allowed: Bools) -> list[Link]:
    """Lagged parents: of all that depend on the effect, those that still do given the strongest so far."""
    links = [(cause, lag) for lag in range(1, longest + 1) for cause in range(count)]
    links = [link for link in links if link[0] == effect or allowed[link[0], effect]]
    strength = {link: abs(_partial(matrix, count, link, (effect, 0), ())) for link in links}
    for size in range(_MOST + 1):
        ordered = sorted(strength, key=lambda link: -strength[link])
        if size >= len(ordered):
            break
        for link in ordered:
            given = [one for one in ordered if one != link][:size]
            value = _partial(matrix, count, link, (effect, 0), given)
            if _p_value(value, times, size) > _ALPHA:
                del strength[link]
            else:
                strength[link] = min(strength[link], abs(value))
    return sorted(strength, key=lambda link: -strength[link])[:_MOST]


def _partial(matrix: Floats, count: int, one: Link, other: Link, given: Sequence[Link]) -> float:
    chosen = [lag * count + variable for variable, lag in dict.fromkeys((one, other, *given))]
    inverse = np.linalg.pinv(matrix[np.ix_(chosen, chosen)], hermitian=True)
    return float(-inverse[0, 1] / np.sqrt(abs(inverse[0, 0] * inverse[1, 1])))


def _p_value(value: float, times: int, given: int) -> float:
    score = np.sqrt(max(times - given - 3, 1)) * np.arctanh(np.clip(abs(value), 0, 1 - 1e-12))
    return float(2 * stats.norm.sf(score))


def _left(rows: Floats, count: int, effect: int, parents: Sequence[Link]) -> Floats:
    """What its lagged parents do not explain of an effect."""
    own: Floats = rows[effect]
    if not parents:
        return own
    past = rows[[lag * count + variable for variable, lag in parents]].T
    found: Floats = own - past @ np.linalg.lstsq(past, own, rcond=None)[0]
    return found
