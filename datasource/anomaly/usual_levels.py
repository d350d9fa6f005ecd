"""What a baseline says of each variable's level by itself: computed once, for all whose cause it is."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats, Matrix, Variable
from datasource.data.roles import Roles

_EXTREME = 0.02
"""Beyond these quantiles a level may be that of an incident, and tells nothing about lags."""
_RANGE = 0.005
"""Between these quantiles a level is usual."""


class UsualLevel(NamedTuple):
    """The median of a level, its usual range (`low`, `high`), the limits that `without_extremes` keeps, and whether it
    moves at all."""

    median: float
    low: float
    high: float
    limits: tuple[float, float]
    moves: bool

    def without_extremes(self, level: Floats) -> Floats:
        """A level without the extremes of incidents."""
        found: Floats = np.clip(level, *self.limits)
        return found


class UsualLevels:
    """Those of the variables of a matrix; each is looked at when somebody asks, and once."""

    def __init__(self, matrix: Matrix, roles: Roles) -> None:
        self._matrix, self._roles = matrix, roles
        self._known: dict[Variable, UsualLevel] = {}

    def of(self, variable: Variable) -> UsualLevel:
        """What the baseline says of a variable's level."""
        if variable not in self._known:
            self._known[variable] = usual_level(
                self._roles.level(self._matrix, variable), self._roles.signals[variable.signal].kind == "event"
            )
        return self._known[variable]


def usual_level(level: Floats, rare: bool) -> UsualLevel:
    """Of a level by time, NaN where it is not known; what is `rare` by nature, as events are, has no extremes."""
    known = level[np.isfinite(level)]
    if not known.size:
        return UsualLevel(np.nan, np.nan, np.nan, (-np.inf, np.inf), False)
    asked = (_RANGE, _EXTREME, 0.5, 1 - _EXTREME, 1 - _RANGE)
    low, lower, median, upper, high = np.quantile(known, asked).tolist()
    moves = known.size >= 2 and bool(np.ptp(known) > 1e-12 * max(1e-300, float(np.abs(known).max())))
    return UsualLevel(median, low, high, (-np.inf, np.inf) if rare else (lower, upper), moves)
