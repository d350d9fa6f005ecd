"""Which columns depend on each other whatever others are held fixed, from the sums of all installations: PC-stable.

Colombo and Maathuis (2014). Each test asks whether the slope of one column on another, beside those that are held
fixed, is 0, with errors that allow for what hangs together over time.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from datasource.numerics import Interval
from datasource.numerics.moment_sums import MomentError, MomentSums, regress

_MOST_HELD = 3
"""Columns that are held fixed at once: with more, a test has little left to go by."""


class Dependence(NamedTuple):
    """Two columns that no set of others parts, and the p-value of the set that came nearest to it."""

    one: int
    other: int
    p_value: float


class Parted(NamedTuple):
    """Two columns that do not depend on each other given others."""

    one: int
    other: int
    given: tuple[int, ...]
    p_value: float


def independence(blocks: Sequence[MomentSums], one: int, other: int, given: Sequence[int] = ()) -> Interval:
    """The slope of a column on another beside those that are `given`, and the p-value of its being 0. Raises
    MomentError."""
    return regress(blocks, one, [other, *given]).interval(0)


def skeleton(blocks: Sequence[MomentSums], width: int, alpha: float = 0.01) -> tuple[list[Dependence], list[Parted]]:
    """Pairs of `width` columns that depend on each other, and those that some set of others parts."""
    adjacent = {(i, j): 0.0 for i, j in combinations(range(width), 2)}
    parted: list[Parted] = []
    for size in range(min(width - 2, _MOST_HELD) + 1):
        neighbours = {i: [j for j in range(width) if (min(i, j), max(i, j)) in adjacent] for i in range(width)}
        for i, j in list(adjacent):
            sets = {
                given
                for end, other in ((i, j), (j, i))
                for given in combinations([one for one in neighbours[end] if one != other], size)
            }
            for given in sorted(sets):
                try:
                    p_value = max(independence(blocks, *ends, given).p_value for ends in ((i, j), (j, i)))
                except MomentError:
                    continue
                if p_value > alpha:
                    parted.append(Parted(i, j, given, p_value))
                    del adjacent[i, j]
                    break
                adjacent[i, j] = max(adjacent[i, j], p_value)
    return [Dependence(i, j, p_value) for (i, j), p_value in adjacent.items()], parted
