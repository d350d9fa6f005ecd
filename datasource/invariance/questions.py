"""Questions about the mechanisms of a graph: the rows of each environment, by label, by intervention, and found."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Entity, Environment, Floats, Matrix, Roles, Variable, environment_of
from datasource.graph import CausalGraph, Edge
from datasource.invariance.changes import change_points
from datasource.invariance.groups import enough
from datasource.invariance.model import Cause, Question, Rows

_DAY = 86_400
_HARMONICS = 3
"""Waves a day that are taken for its season."""
_FEWEST_MOVES = 10
"""Times that a cause must not have been what it mostly is: a rollout happens too seldom to have a slope."""
MOST_CAUSES = 8
"""Of one outcome; of more, those that go with it the most."""


INCIDENT = "incident "
"""How a period is called that an incident makes, before its id."""


class Split(NamedTuple):
    """A time (seconds) that parts before and after, or with `until` what is during and what is not, for the variables
    that it `touches`."""

    name: str
    at: int
    until: int | None
    touches: frozenset[Variable]


def anywhere(entity: Entity, labels: Sequence[str]) -> Entity:
    """An entity as all environments know it, without the labels that tell them apart."""
    return Entity(entity.type, tuple(pair for pair in entity.labels if pair[0] not in labels))


def by_labels(matrix: Matrix, graph: CausalGraph, roles: Roles, labels: Sequence[str]) -> Iterator[Question]:
    """A question for each variable that several environments have, told apart by labels of its entity."""
    if not labels:
        return
    known: dict[Variable, dict[Environment, Variable]] = {}
    for variable in matrix.variables:
        same = Variable(anywhere(variable.entity, labels), variable.signal)
        known.setdefault(same, {})[environment_of(variable.entity, tuple(labels))] = variable
    for same, places in known.items():
        if len(places) < 2:
            continue
        edges = {environment: _edges(graph, matrix, variable, labels) for environment, variable in places.items()}
        shared = set.intersection(*(set(found) for found in edges.values()))
        causes = sorted(shared)
        rows = [
            _rows(matrix, roles, variable, environment, causes, edges[environment])
            for environment, variable in sorted(places.items())
        ]
        yield from _question(same, causes, rows, matrix, roles, parallel=True)


def by_splits(matrix: Matrix, graph: CausalGraph, roles: Roles, splits: Sequence[Split]) -> Iterator[Question]:
    """A question for each variable that an intervention touches: before it and after it, or while it lasts."""
    for split in splits:
        for variable in matrix.variables:
            if variable in split.touches:
                whole = _own(matrix, graph, roles, variable)
                times = matrix.start + matrix.step * whole.positions
                inside = (times >= split.at) & (times < (split.until or np.inf))
                names = ("without", "during") if split.until else ("before", "since")
                parts = [
                    _part(whole, ~inside, f"{names[0]} {split.name}"),
                    _part(whole, inside, f"{names[1]} {split.name}"),
                ]
                yield from _question(variable, _causes(whole), parts, matrix, roles)


def by_changes(matrix: Matrix, graph: CausalGraph, roles: Roles, level: float) -> Iterator[Question]:
    """A question for each variable whose mechanism became another one, at significance `level` over all of them."""
    effects = [variable for variable in matrix.variables if graph.parents(variable)]
    for variable in effects:
        whole = _own(matrix, graph, roles, variable)
        whole = _narrowed(whole, _chosen([whole]))
        levels = _season_known(matrix)
        places = change_points(_seasonless(whole, matrix), level / len(effects), levels) if whole.edges else ()
        if not places:
            continue
        bounds = [-1, *places, int(whole.positions[-1]) + 1]
        parts = []
        for number, (first, last) in enumerate(pairwise(bounds)):
            at, end = (_stamp(matrix.start + matrix.step * max(place, 0)) for place in (first, last))
            name = f"before {end}" if number == 0 else f"since {at}" if last == bounds[-1] else f"{at} to {end}"
            parts.append(_part(whole, (whole.positions >= first) & (whole.positions < last), name))
        yield from _question(variable, _causes(whole), parts, matrix, roles)


def _edges(graph: CausalGraph, matrix: Matrix, variable: Variable, labels: Sequence[str] = ()) -> Mapping[Cause, Edge]:
    """The edges into a variable from causes that are measured in its own environment."""
    own = environment_of(variable.entity, tuple(labels))
    found: dict[Cause, Edge] = {}
    for edge in graph.parents(variable):
        cause = edge.cause
        if cause in matrix and environment_of(cause.entity, tuple(labels)) == own:
            found.setdefault(Cause(Variable(anywhere(cause.entity, labels), cause.signal), edge.lag), edge)
    return found


def _own(matrix: Matrix, graph: CausalGraph, roles: Roles, variable: Variable) -> Rows:
    """All rows of one variable."""
    edges = _edges(graph, matrix, variable)
    return _rows(matrix, roles, variable, Environment(), sorted(edges), edges)


def _causes(rows: Rows) -> list[Cause]:
    return [Cause(edge.cause, edge.lag) for edge in rows.edges]


def _rows(
    matrix: Matrix,
    roles: Roles,
    variable: Variable,
    environment: Environment,
    causes: Sequence[Cause],
    edges: Mapping[Cause, Edge],
) -> Rows:
    """What mechanisms see of a variable and its causes, where everything is there."""
    own = [edges[cause] for cause in causes]
    columns = np.column_stack(
        [roles.level(matrix, variable), *(_delayed(roles.level(matrix, one.cause), one.lag) for one in own)]
    )
    whole = np.flatnonzero(np.isfinite(columns).all(axis=1))
    return Rows(environment, variable, columns[whole], whole.astype(np.int64), tuple(own))


def _part(rows: Rows, kept: NDArray[np.bool_], name: str) -> Rows:
    return rows._replace(environment=Environment((), name), columns=rows.columns[kept], positions=rows.positions[kept])


def _question(
    outcome: Variable,
    causes: Sequence[Cause],
    rows: Sequence[Rows],
    matrix: Matrix,
    roles: Roles,
    parallel: bool = False,
) -> Iterator[Question]:
    """The question, where two environments have enough rows in which the outcome moves, of the causes that move in
    all of them."""
    rows = [one for one in rows if len(one.columns) >= enough(1, parallel) and np.ptp(one.columns[:, 0]) > 0]
    if len(rows) < 2:
        return
    chosen = _chosen(rows)
    rows = [_narrowed(one, chosen) for one in rows if len(one.columns) >= enough(1 + len(chosen), parallel)]
    if not chosen or len(rows) < 2:
        return
    kept = tuple(causes[column - 1] for column in chosen)
    window = max(
        round(roles.signals[one.signal].window / matrix.step) for one in (outcome, *(c.variable for c in kept))
    )
    levels = not parallel and _season_known(matrix)
    yield Question(outcome, kept, tuple(_seasonless(one, matrix) for one in rows), parallel, levels, max(window, 1))


def _chosen(rows: Sequence[Rows]) -> list[int]:
    """The columns of causes that move in all of them; of many, those that go with the outcome the most."""
    columns = range(1, rows[0].columns.shape[1])
    moving = [column for column in columns if all(_moves(one.columns[:, column]) for one in rows)]
    together = {column: sum(abs(_correlation(one.columns, column)) for one in rows) for column in moving}
    return sorted(sorted(moving, key=lambda column: -together[column])[:MOST_CAUSES])


def _narrowed(rows: Rows, columns: Sequence[int]) -> Rows:
    """The outcome and these causes alone."""
    return rows._replace(
        columns=rows.columns[:, [0, *columns]], edges=tuple(rows.edges[column - 1] for column in columns)
    )


def _moves(column: Floats) -> bool:
    """Whether a column was often enough not what it mostly is."""
    return column.size > 0 and len(column) - int(np.unique(column, return_counts=True)[1].max()) >= _FEWEST_MOVES


def _correlation(columns: Floats, column: int) -> float:
    moves = np.ptp(columns[:, 0]) > 0
    return float(np.corrcoef(columns[:, 0], columns[:, column])[0, 1]) if moves else 0.0


def _season_known(matrix: Matrix) -> bool:
    return bool(matrix.values.shape[1] * matrix.step >= 2 * _DAY)


def _seasonless(rows: Rows, matrix: Matrix) -> Rows:
    """Without what follows the time of day, where two days or more are known."""
    if not _season_known(matrix) or len(rows.columns) < 10 * _HARMONICS:
        return rows
    phase = 2 * np.pi * ((matrix.start + matrix.step * rows.positions) % _DAY) / _DAY
    waves = [wave(turn * phase) for turn in range(1, 1 + _HARMONICS) for wave in (np.sin, np.cos)]
    season = np.column_stack([np.ones(len(phase)), *waves])
    coefficients = np.linalg.lstsq(season, rows.columns, rcond=None)[0]
    return rows._replace(columns=rows.columns - season[:, 1:] @ coefficients[1:])


def _delayed(row: Floats, lag: int) -> Floats:
    return np.concatenate([np.full(lag, np.nan), row])[: len(row)]


def _stamp(seconds: int) -> str:
    return f"{np.datetime64(int(seconds), 's')}Z"
