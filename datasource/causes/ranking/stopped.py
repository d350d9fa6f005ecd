"""Resources that are used less: a sign of having stopped, where all of a service's fall together and others' do not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasource.causes.ranking.constants import ALIKE, BEYOND, LEAST_LEFT
from datasource.causes.ranking.shift import Shifts
from datasource.data import Floats


def falls(
    shifts: Shifts, groups: Sequence[str], owner: NDArray[np.int64], used: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """By variable in `used`: how far it fell in standard deviations, and by how much of what is left; else 0.

    A fall is a logarithm, so that a tenth is as far from the usual as ten times. What the signal falls by in the
    median of all its variables is taken off: when users wait or leave, everybody is asked less. The rest counts by the
    square of the share of the service's own resources that fall alike: who is asked less for a reason of its own keeps
    its memory and its sockets, and who stopped does not.
    """
    level = np.abs(shifts.usual)
    known = used & (level > 0) & (shifts.noise > 0) & np.isfinite(shifts.lowest)
    clear = np.where(known, level / np.where(known, shifts.noise, 1.0), 0.0)
    share = np.where(known, np.clip(-shifts.lowest / np.where(known, level, 1.0), 0.0, 1 - LEAST_LEFT), 0.0)
    fall = -np.log1p(-share)
    names = np.array(groups)
    for name in np.unique(names[known]):
        own = known & (names == name)
        fall[own] = np.maximum(fall[own] - np.median(fall[own]), 0.0)
    together = np.zeros_like(fall)
    for one in np.unique(owner[fall > 0]):
        those = np.flatnonzero(known & (owner == one))
        together[those] = (fall[those] >= ALIKE * fall[those, None]).mean(axis=1)
    return np.minimum(clear * fall, BEYOND), np.expm1(fall) * together**2
