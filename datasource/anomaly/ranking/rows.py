"""Rows of services and of the calls between them, before and during an incident."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.ranking.levels import SECONDS, lay
from datasource.anomaly.ranking.per_request import RATIOS
from datasource.settings import Signal
from datasource.telemetry import Entity, Floats, Matrix, Variable

Rows = tuple[Floats, Floats]
"""Rows x times, before and during the incident; NaN where nothing is known."""
Places = NDArray[np.int64]
"""Of each row the place of its service, -1 of one that nobody measures."""


class ServiceRows:
    """The rows of services by role, without those that are shares."""

    def __init__(
        self, baseline: Matrix, incident: Matrix, signals: Mapping[str, Signal], services: Sequence[Entity]
    ) -> None:
        self._matrices, self._signals, self._services = (baseline, incident), signals, services
        self._variables = [
            variable
            for variable in dict.fromkeys((*baseline.variables, *incident.variables))
            if signals[variable.signal].unit.lower() not in RATIOS
        ]

    def all(self, role: str) -> tuple[Places, list[Variable]]:
        """All variables of a role, and the places of their services."""
        place = {entity: number for number, entity in enumerate(self._services)}
        found = [v for v in self._variables if v.entity in place and self._signals[v.signal].role == role]
        return np.array([place[variable.entity] for variable in found], dtype=np.int64), found

    def first(self, role: str) -> list[Variable | None]:
        """Of each service the first variable of a role."""
        first = {variable.entity: variable for variable in reversed(self.all(role)[1])}
        return [first.get(entity) for entity in self._services]

    def counts(self, variables: Sequence[Variable | None]) -> Rows:
        """Their rows, as what is counted in a step."""
        before, now = (lay(matrix, variables) for matrix in self._matrices)
        return as_counts((before, now), self._matrices[1].step)

    def seconds(self, variables: Sequence[Variable | None]) -> Rows:
        """Their rows in seconds, added up like the load is."""
        units = [SECONDS.get(self._signals[v.signal].unit.lower(), 1.0) if v else 1.0 for v in variables]
        before, now = (lay(matrix, variables) * np.array(units)[:, None] for matrix in self._matrices)
        return before, now


def as_counts(rows: Rows, step: int) -> Rows:
    """What is counted in a step: whole numbers are, and others are per second."""
    known = np.concatenate([part[np.isfinite(part)] for part in rows])
    each = 1.0 if np.array_equal(known, np.rint(known)) else float(step)
    return rows[0] * each, rows[1] * each


def pick(rows: Rows, places: Places) -> Rows:
    """For each place the row there, NaN for -1."""
    before, now = (np.vstack([part, np.full((1, part.shape[1]), np.nan)])[places] for part in rows)
    return before, now


def zero_where(asked: Rows, rows: Rows) -> Rows:
    """The rows with 0 for what is not known where `asked` is above 0."""
    before, now = (np.where((a > 0) & np.isnan(part), 0.0, part) for a, part in zip(asked, rows, strict=True))
    return before, now


def less(rows: Rows, others: Rows) -> Rows:
    """One less the other."""
    return rows[0] - others[0], rows[1] - others[1]


def added(values: Floats, places: Places, count: int) -> Floats:
    """By place the sum of what is there; values may be rows."""
    found = np.zeros((count, *values.shape[1:]))
    np.add.at(found, places[places >= 0], values[places >= 0])
    return found


def largest(values: Floats, places: Places, count: int) -> Floats:
    """By place the largest of what is there, at least 0."""
    found = np.zeros(count)
    np.fmax.at(found, places[places >= 0], values[places >= 0])
    return found


def at_ends(values: Floats, places: Places) -> Floats:
    """For each place the value there, 0 for -1."""
    found: Floats = np.append(values, 0.0)[places]
    return found
