"""Rows of services and of the calls between them, before and during an incident."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from datasource.causes.ranking.levels import SECONDS, lay
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import SHARES
from datasource.settings import Signal

Rows = tuple[Floats, Floats]
"""Rows x times, before and during the incident; NaN where nothing is known."""
Places = NDArray[np.int64]
"""Of each row the place of its service, -1 of one that nobody measures."""


class ServiceRows:
    """The rows of services by role, without those that are shares."""

    def __init__(
        self, baseline: Matrix, incident: Matrix, signals: Mapping[str, Signal], services: Sequence[Entity]
    ) -> None:
        self._matrices, self._signals, self._count = (baseline, incident), signals, len(services)
        self._step = incident.step
        self._by_role: dict[str, list[tuple[int, Variable]]] = {}
        place = {entity: number for number, entity in enumerate(services)}
        for variable in dict.fromkeys((*baseline.variables, *incident.variables)):
            signal = signals[variable.signal]
            if variable.entity in place and signal.role and signal.unit.lower() not in SHARES:
                self._by_role.setdefault(signal.role, []).append((place[variable.entity], variable))

    def all(self, role: str) -> tuple[Places, list[Variable]]:
        """All variables of a role, and the places of their services."""
        found = self._by_role.get(role, [])
        return np.array([place for place, _ in found], dtype=np.int64), [variable for _, variable in found]

    def first(self, role: str) -> list[Variable | None]:
        """Of each service the first variable of a role."""
        first = dict(reversed(self._by_role.get(role, [])))
        return [first.get(place) for place in range(self._count)]

    def counts(self, variables: Sequence[Variable | None]) -> Rows:
        """Their rows, as what is counted in a step."""
        rows = self._rows(variables)
        return times(rows, per_step(rows, self._step))

    def seconds(self, variables: Sequence[Variable | None]) -> Rows:
        """Their rows, as seconds in a step."""
        units = [SECONDS.get(self._signals[v.signal].unit.lower(), 1.0) if v else 1.0 for v in variables]
        each = per_step(self._rows(self.first("load")), self._step)
        return times(self._rows(variables), each * np.array(units)[:, None])

    def _rows(self, variables: Sequence[Variable | None]) -> Rows:
        return lay(self._matrices[0], variables), lay(self._matrices[1], variables)


def per_step(rows: Rows, step: int) -> float:
    """What rows that count something must be multiplied by: whole numbers are counts, and others are per second."""
    known = np.concatenate([part[np.isfinite(part)] for part in rows])
    return 1.0 if np.array_equal(known, np.rint(known)) else float(step)


def times(rows: Rows, factor: float | Floats) -> Rows:
    """The rows, each multiplied by a number."""
    return rows[0] * factor, rows[1] * factor


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
