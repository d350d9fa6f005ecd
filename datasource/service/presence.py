"""Who has samples, and who was judged and has none any more: said, so that a gap is not taken for health."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Matrix, Roles, Variable
from datasource.prometheus import reach

_TOLD = 86400
"""Seconds for which it is told of: then it is gone on purpose, or somebody knows."""
_GAPS = 3
_SHOWN = 5


class Vanished(NamedTuple):
    """An entity without samples, and when (seconds) its last one was."""

    entity: Entity
    last: int


class Presence(NamedTuple):
    """Of the entities that can alarm: who is measured now, and who was judged and has vanished."""

    there: tuple[Entity, ...] = ()
    vanished: tuple[Vanished, ...] = ()

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How many are there and how many have vanished, by entity type."""
        there = Counter(entity.type for entity in self.there)
        gone = Counter(one.entity.type for one in self.vanished)
        return {kind: (there[kind], gone[kind]) for kind in sorted({*there, *gone})}

    def notices(self) -> dict[str, str]:
        """In words, by entity type: how many of how many have vanished, who, and since when."""
        found = {}
        for kind, (there, gone) in self.counts.items():
            own = sorted((one for one in self.vanished if one.entity.type == kind), key=lambda one: -one.last)
            names = ", ".join(f"{one.entity} (since {_clock(one.last)})" for one in own[:_SHOWN])
            more = f" and {gone - _SHOWN} more" if gone > _SHOWN else ""
            if gone:
                found[kind] = (
                    f"{gone:,} of {there + gone:,} entities of the type '{kind}' have no samples any more and are not "
                    f"judged: {names}{more}"
                )
        return found


NOBODY = Presence()


def presence(read: Matrix, roles: Roles, judged: Collection[Variable]) -> Presence:
    """Who is there at the newest point that has any sample. Missing is who has had no sample for longer than one may
    be on its way, and than three of its usual gaps. `read` holds what was measured, nothing counted in place of what is
    absent; of the variables `judged` are mechanisms known."""
    known = {variable.entity for variable in judged}
    if not read.sampled.any():
        return NOBODY
    newest, patience = int(np.flatnonzero(read.sampled)[-1]), reach(read.step) // read.step
    now = np.isfinite(read.values[:, newest]).tolist()
    there, gone = [], []
    for entity, rows in _rows(read.variables, roles).items():
        if any(now[row] for row in rows):
            there.append(entity)
            continue
        points = np.flatnonzero(np.isfinite(read.values[rows]).any(axis=0))
        if not points.size:
            continue
        gap, missing = (points[-1] - points[0]) / max(1, points.size - 1), newest - int(points[-1])
        if missing <= max(patience, _GAPS * gap):
            there.append(entity)
        elif entity in known and missing <= _TOLD // read.step:
            gone.append(Vanished(entity, int(read.times[points[-1]])))
    return Presence(tuple(sorted(there)), tuple(sorted(gone)))


def _rows(variables: Sequence[Variable], roles: Roles) -> Mapping[Entity, list[int]]:
    """The rows of the entities that can alarm."""
    able = {variable.entity for variable in variables if roles.alarms(variable)}
    found: dict[Entity, list[int]] = {entity: [] for entity in able}
    for row, variable in enumerate(variables):
        if variable.entity in able:
            found[variable.entity].append(row)
    return found


def _clock(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%H:%M} UTC"
