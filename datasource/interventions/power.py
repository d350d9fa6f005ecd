"""How many blocks a switchback needs: power calculated beforehand, from how the outcome moves by itself."""

from math import inf
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from datasource.data import Floats
from datasource.effects.study import StudyError

_POWER, _LEVEL = 0.8, 0.05
_MOST = 200
"""Blocks, on and off each, at most."""
FEWEST = 6
"""Stretches without any intervention, from which the spread is known."""


class Power(NamedTuple):
    """So many blocks with it and so many without, each so many seconds, show an effect of `smallest` in four of five
    experiments; `blocks` is infinite where 200 would not do. `spread` is that of the mean of a block."""

    blocks: float
    block: float
    smallest: float
    spread: float


def switchback_power(values: Floats, step: int, block: float, settling: float, smallest: float) -> Power:
    """How many blocks see `smallest`, in the unit of the outcome.

    `values` (n) is the outcome by itself. Raises StudyError where a block is no longer than it settles, or fewer than 6
    stretches are known.
    """
    spread = spread_of_means(values, step, block, settling)
    for blocks in range(3, _MOST + 1):
        freedom = 2 * blocks - 3
        reach = float(stdtrit(freedom, 1 - _LEVEL / 2) + stdtrit(freedom, _POWER))
        if reach * spread * np.sqrt(2 / blocks) <= smallest:
            return Power(blocks, block, smallest, spread)
    return Power(inf, block, smallest, spread)


def spread_of_means(values: Floats, step: int, block: float, settling: float) -> float:
    """By how much the mean of a block differs by chance, what is left out while it settles not counted.

    The means of successive stretches of a block, each against the five around it. Raises StudyError as
    `switchback_power`.
    """
    length, left_out = int(block // step), int(np.ceil(settling / step))
    if length <= left_out:
        raise StudyError(
            f"a block of {block:g} s is no longer than the {settling:g} s for which a value looks back; make it longer"
        )
    stretches = values[len(values) % length :].reshape(-1, length)[:, left_out:]
    there = np.isfinite(stretches).sum(axis=1) > (length - left_out) / 2
    means = np.array([np.nanmean(row) for row in stretches[there]])
    if len(means) < FEWEST:
        raise StudyError(f"{len(means)} stretches of {block:g} s are known; {FEWEST} would do")
    middle = means - np.convolve(np.pad(means, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return float(middle.std(ddof=1) / np.sqrt(0.8))
