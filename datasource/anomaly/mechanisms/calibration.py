"""Scores calibrated to a promise: so many false alarm episodes a day, of the whole installation.

What is calibrated is the score that persists: at each time the `points`-th largest of the last `of`. Its episodes are
taken apart (declustered), and generalised Pareto tails, each variable's own and that of all variables of its signal,
say by what factor its interval has to be wider so that all variables together keep the promise. That counts every
variable's episodes; as those of one wobble come together, a last factor is found from the episodes of the whole
installation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasource.anomaly.mechanisms.levels import Group, pooled_tail
from datasource.anomaly.mechanisms.persistence import Persistence, Watched

_DAY = 86400.0
_REACH = 10.0
"""A tail is believed to so many times the time in which it was seen."""
_SMALLEST, _LARGEST = 0.5, 4.0
"""The last factor stays between these."""


class Calibration(NamedTuple):
    """By what the interval of each is to be multiplied, in the order of what was watched, and the smallest number of
    false alarm episodes a day that the data can promise."""

    factors: Sequence[float]
    supported: float


def calibrate(
    watched: Sequence[Watched], columns: int, step: int, false_alarms_per_day: float, persistence: Persistence
) -> Calibration:
    """Factors for the intervals of everything that was watched, for `columns` steps of `step` seconds.

    Where nothing is to be seen the factor is 1.
    """
    days = columns * step / _DAY
    supported = 1 / (_REACH * days) if days else float("inf")
    alone = false_alarms_per_day / max(1, sum(one.alarms for one in watched))
    groups: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(watched):
        groups.setdefault(one.group, []).append(number)
    factors = np.ones(len(watched))
    together = np.zeros(columns)
    for numbers in groups.values():
        group = Group([watched[number] for number in numbers], columns, step, persistence.of)
        for number, (level, heights) in zip(numbers, group.levels(alone), strict=True):
            factors[number] = level
            if watched[number].alarms:
                np.maximum.at(together, watched[number].places, heights)
    everything = Watched(("", ""), True, np.arange(columns), together, columns)
    tail = pooled_tail([everything], days, persistence.of)
    last = min(max(tail.level(false_alarms_per_day), _SMALLEST), _LARGEST) if tail else 1.0
    return Calibration((factors * last).tolist(), supported)
