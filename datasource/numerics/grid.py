"""Rows at their places on a regular grid of times."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_EMPTY = 20
"""A grid may have this many places for each that is taken."""
_SHORTEST, _LONGEST = 10, 1000


def on_grid(values: Floats, places: Ints) -> Floats:
    """Values (n, ...) at their places (n): 0 where there is none, the sum where there are several; `closed_up`."""
    if len(places) == 0 or (len(places) == places[-1] - places[0] + 1 and bool((np.diff(places) == 1).all())):
        return values
    return summed(values, closed_up(places))


def summed(values: Floats, numbers: Ints) -> Floats:
    """Sums of values (n, ...) by number (n, from 0 on)."""
    sums = np.zeros((int(numbers.max()) + 1, *values.shape[1:]))
    np.add.at(sums, numbers, values)
    return sums


def closed_up(places: Ints) -> Ints:
    """The places (n) from 0 on; where rows are so far apart that their grid would be nearly empty, gaps are shortened.

    Then a gap counts as at most 1,000 steps, of many gaps as at least 10, so that a grid has about 20 n places at
    most: what lies so far apart hardly hangs together. Order, neighbours and rows of the same place stay.
    """
    if len(places) == 0:
        return places
    if places[-1] - places[0] < _EMPTY * len(places) and bool((places[1:] > places[:-1]).all()):
        return np.asarray(places - places[0], dtype=np.int64)
    taken, which = np.unique(places, return_inverse=True)
    if taken[-1] - taken[0] < _EMPTY * len(taken):
        return np.asarray(places - taken[0], dtype=np.int64)
    steps = np.diff(taken)
    longest = max(_SHORTEST, min(_LONGEST, _EMPTY * len(taken) // int((steps > 1).sum())))
    closed: Ints = np.concatenate([[0], np.cumsum(np.minimum(steps, longest))]).astype(np.int64)[which]
    return closed
