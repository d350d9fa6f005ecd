"""What an installation tells others: which columns it has, and sums over them, never a point.

Sums are over whole stretches of `least_points` points, so that two answers are the same or differ by so many points
at least; a column that moved only a few times is not told of.
"""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from datasource.data import Environment, Floats, Matrix, Variable, environment_of
from datasource.effects.windows import WindowError, bring_to_common_window
from datasource.federation.sums import MOST_COLUMNS, ORDER, PROTOCOL, Block, Column, SumsError, column_of
from datasource.invariance.questions import anywhere
from datasource.numerics.moment_sums import MomentError, moment_sums
from datasource.settings import Settings
from datasource.settings.federation import Federation
from datasource.settings.finding import known as close

_FEWEST_MOVES = 10
"""A column that was fewer times not what it mostly is tells of single points."""
_KEY = secrets.token_bytes(32)
"""Noise is the same for the same sum as long as this process lives, so that asking again does not average it out."""


def offer(matrix: Matrix, settings: Settings) -> dict[str, Any]:
    """Which columns there are, in which environments, with unit and window. Raises SumsError where nothing is told."""
    own = _own(settings)
    known = _variables(matrix, settings)
    return {
        "protocol": PROTOCOL,
        "name": own.name,
        "step": matrix.step,
        "points": _points(matrix, own),
        "least_points": own.least_points,
        "noise": own.noise,
        "columns": [
            {
                "column": name,
                "unit": settings.signals[next(iter(places.values())).signal].unit,
                "window": settings.signals[next(iter(places.values())).signal].window,
                "environments": sorted(map(str, places)),
            }
            for name, places in sorted(known.items())
        ],
    }


def told_sums(matrix: Matrix, settings: Settings, columns: Sequence[str], whitening: Sequence[float]) -> dict[str, Any]:
    """The sums over some columns, in each environment that has them all, whitened by an autoregression that whoever
    asks chose. Raises SumsError for what is not told."""
    own = _own(settings)
    if not 2 <= len(set(columns)) == len(columns) <= MOST_COLUMNS:
        raise SumsError(f"{len(columns)} columns; ask for 2 to {MOST_COLUMNS} different ones")
    if len(whitening) > ORDER or not all(np.isfinite(one) and abs(one) <= 10 for one in whitening):
        raise SumsError(f"whitening is at most {ORDER} coefficients of an autoregression")
    known = _variables(matrix, settings)
    asked = [column_of(one) for one in columns]
    for one in asked:
        if one.variable not in known:
            raise SumsError(f"'{one.variable[:100]}' is not told of; {close(one.variable, known)}")
    shared = set.intersection(*(set(known[one.variable]) for one in asked))
    cut = _cut(matrix, own)
    blocks, notices = [], []
    for environment in sorted(shared):
        variables = [known[one.variable][environment] for one in asked]
        try:
            blocks.append(_block(cut, settings, environment, variables, asked, whitening))
        except (SumsError, MomentError, WindowError) as error:
            notices.append(f"{environment or own.name} is not told of: {error}")
    return {
        "protocol": PROTOCOL,
        "name": own.name,
        "columns": list(columns),
        "points": cut.values.shape[1],
        "environments": [one.document() for one in blocks],
        "notices": notices,
    }


def _own(settings: Settings) -> Federation:
    if settings.federation is None:
        raise SumsError("this installation tells no sums; add federation: {name: ...} to its settings")
    return settings.federation


def _variables(matrix: Matrix, settings: Settings) -> Mapping[str, Mapping[Environment, Variable]]:
    """By the name that all installations use, the variable of each environment."""
    told = _own(settings).signals
    found: dict[str, dict[Environment, Variable]] = {}
    for variable in matrix.variables:
        if told and variable.signal not in told:
            continue
        name = str(Variable(anywhere(variable.entity, settings.environment), variable.signal))
        found.setdefault(name, {}).setdefault(environment_of(variable.entity, settings.environment), variable)
    return found


def _points(matrix: Matrix, own: Federation) -> int:
    return int(_cut(matrix, own).values.shape[1])


def _cut(matrix: Matrix, own: Federation) -> Matrix:
    """Whole stretches of `least_points` points, which begin at multiples of their length."""
    stretch = own.least_points * matrix.step
    start = -(-matrix.start // stretch) * stretch
    end = (matrix.end + matrix.step) // stretch * stretch
    if end <= start:
        raise SumsError(f"there are fewer than {own.least_points} points yet")
    return matrix.between(start, end - matrix.step)


def _block(
    matrix: Matrix,
    settings: Settings,
    environment: Environment,
    variables: Sequence[Variable],
    asked: Sequence[Column],
    whitening: Sequence[float],
) -> Block:
    own = _own(settings)
    shared = bring_to_common_window(matrix, list(dict.fromkeys(variables)), settings.signals)
    columns = np.column_stack([_delayed(shared.rows[v], one.lag) for v, one in zip(variables, asked, strict=True)])
    whole = np.flatnonzero(np.isfinite(columns).all(axis=1))
    if len(whole) - len(whitening) < own.least_points:
        raise SumsError(f"{len(whole)} points are whole, and sums are told of {own.least_points} at least")
    for name, column in zip(asked, columns[whole].T, strict=True):
        moves = len(column) - int(np.unique(column, return_counts=True)[1].max())
        if moves < _FEWEST_MOVES:
            raise SumsError(f"{name} moved {moves} times, and single points are not told")
    found = moment_sums(columns[whole], whole.astype(np.int64), whitening, shared.steps, ORDER)
    block = Block(str(environment), found)
    return noisy(block, own.noise, list(map(str, asked)), f"{environment} {matrix.end}") if own.noise else block


def _delayed(row: Floats, lag: int) -> Floats:
    return np.concatenate([np.full(lag, np.nan), row])[: len(row)]


def noisy(block: Block, noise: float, columns: Sequence[str], where: str) -> Block:
    """The block with normal noise of standard deviation noise x sqrt(rows) in each sum of products, and its variance in
    the long-run covariances, so that whoever joins it has intervals that are as wide as they then must be."""
    sums = block.sums
    width, columns = noise * np.sqrt(sums.count), ["", *columns]

    def drawn(lag: int) -> Floats:
        """Of two columns always the same, whatever else is asked for with them."""
        found = np.array(
            [[_seeded(where, str(lag), one, other).normal(0, width) for other in columns] for one in columns]
        )
        if not lag:
            found = np.tril(found) + np.tril(found, -1).T
            found[0, 0] = 0.0  # how many rows there are is told anyway
        return found

    def spread(covariance: Floats, name: str) -> Floats:
        waves = _seeded(where, name, *columns).normal(0, width, (len(covariance), sums.terms))
        return np.asarray(covariance + waves @ waves.T / sums.terms, dtype=np.float64)

    lagged = np.array([drawn(lag) for lag in range(ORDER + 1)])
    changed = replace(
        sums,
        products=sums.products + lagged[0],
        cosines=spread(sums.cosines, "cosines"),
        lagged=sums.lagged + lagged,
    )
    return Block(block.environment, changed, width**2)


def _seeded(*named: str) -> np.random.Generator:
    return np.random.default_rng(list(hmac.digest(_KEY, "\n".join(named).encode(), "sha256")))
