"""How far a variable moved from its baseline during an incident, in robust standard deviations."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datasource.causes.ranking.constants import (
    BEYOND,
    BURSTS,
    BUSIEST,
    BUSY,
    HELD,
    MOST_WINDOWS,
    PRIOR_POINTS,
    SMALLEST_RELATIVE,
)
from datasource.data import Floats


class Shifts(NamedTuple):
    """By variable: the usual level, the change from it, and the change in the variable's own standard deviations.

    NaN where a variable was not measured before or during the incident. `change` and `z` are those that traffic
    does not explain. `lowest` is the change on the lower side, and `noise` its scale without what traffic leaves
    unknown; no fall is larger than the row's own.
    """

    usual: Floats
    now: Floats
    change: Floats
    z: Floats
    lowest: Floats
    noise: Floats


def shifts(
    baseline: Floats,
    incident: Floats,
    groups: Sequence[str],
    load: Floats,
    load_now: Floats,
    least: Floats,
    queues: NDArray[np.bool_],
) -> Shifts:
    """The shift of each row from `baseline` (variables x times) to `incident` (variables x times), NaN allowed.

    The statistic is what two fifths of the points of a window (at least two points) lie beyond, so that one stray point
    is nothing, and half an incident is something. Its centre and scale on either side are read off the baseline's
    windows of the same length (median; the larger of interquartile range and 5% tail), so that memory and bursts count;
    bursts that are too rare for that count by the standard deviation of single points.
    Of an incident that is longer than a window, the upper quartile of its windows counts. The scale is moderated by
    that of the other variables in the row's group (relative to their level; Smyth 2004), and is no smaller than 1% of
    the level, nor than `least`; of a row that is usually 0 it is moderated by the group's median scale.

    `load` and `load_now` have the same shapes, the load whose change explains a change of the row (least squares, no
    slope below 0). As more than the baseline shows may hang on it, part is left as unknown: of rows in `queues`
    (times), what the load would do to a queue that was half busy (M/M/1), and half of that of other rows, as requests
    that wait hold resources. NaN where there is no load.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = _quantiles(baseline, (0.5,))[0]
        slope, relative = _traffic(baseline, load, load_now)
        middle_load = _quantiles(load, (0.5,))[0][:, None]
        before = baseline - slope[:, None] * np.nan_to_num(load - middle_load)
        during = incident - slope[:, None] * np.nan_to_num(load_now - middle_load)
        length = max(1, min(incident.shape[1], baseline.shape[1] // 5, 10))
        windows = _extremes(_windows(before, length))
        parts = _extremes(_windows(during, min(length, during.shape[1])))
        level = np.abs(usual)
        count = np.isfinite(baseline).sum(axis=1)
        queue = queueing(relative)
        not_known = np.nan_to_num(level * np.where(queues, queue, HELD * np.maximum(np.abs(relative), queue)))
        bursts = BURSTS * np.nanstd(before, axis=1)
        sides = []
        for side, values, seen in ((1.0, windows[1], parts[1]), (-1.0, windows[0], parts[0])):
            lower, middle, upper = _quantiles(values, (0.25, 0.5, 0.75))
            tail = side * (_quantiles(values, (0.95 if side > 0 else 0.05,))[0] - middle) / 1.645
            spread = np.fmax(np.fmax((upper - lower) / 1.349, tail), bursts)
            scale = np.fmax(_moderated(spread, level, count, groups, least), least)
            moved = _quantiles(seen, (0.75 if side > 0 else 0.25,))[0] - middle
            total = np.sqrt(scale**2 + not_known**2)
            sides.append((moved, np.where(total > 0, moved / np.where(total > 0, total, 1.0), BEYOND * np.sign(moved))))
        up = sides[0][1] >= -sides[1][1]
        change = np.where(up, sides[0][0], sides[1][0])
        z = np.clip(np.where(up, sides[0][1], sides[1][1]), -BEYOND, BEYOND)
        now = np.nanmean(incident, axis=1)
        lowest = np.fmax(sides[1][0], _quantiles(incident, (0.25,))[0] - usual)
    return Shifts(usual, now, change, z, lowest, scale)


def _windows(rows: Floats, length: int) -> Floats:
    """Windows of each row (rows x windows x length), evenly spread where there are very many."""
    every = -(-(rows.shape[1] - length + 1) // MOST_WINDOWS)
    found: Floats = sliding_window_view(rows, length, axis=1)[:, ::every]
    return found


def _extremes(windows: Floats) -> tuple[Floats, Floats]:
    """What two fifths of each window's points (its last axis), at least two of them, lie below, and above."""
    ordered = np.array(windows)
    gaps = ~np.isfinite(ordered)
    if gaps.any():
        rows = gaps.any(axis=(1, 2))
        means = np.nanmean(ordered[rows], axis=-1, keepdims=True)
        ordered[rows] = np.where(gaps[rows], means, ordered[rows])
    ordered.sort(axis=-1)
    length = windows.shape[-1]
    place = min(length, max(2, -(-2 * length // 5)))
    return ordered[..., place - 1], ordered[..., length - place]


def _quantiles(rows: Floats, at: Sequence[float]) -> list[Floats]:
    """Quantiles of each row's known values, NaN where there are none; as np.nanquantile, and 30 times faster."""
    ordered = np.sort(rows, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    number = np.arange(len(rows))
    found = []
    for share in at:
        place = share * np.maximum(count - 1, 0)
        low = place.astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        below, above = ordered[number, low], ordered[number, high]
        found.append(np.where(count > 0, below + (place - low) * (above - below), np.nan))
    return found


def _traffic(row: Floats, load: Floats, load_now: Floats) -> tuple[Floats, Floats]:
    """The slope of each row on its load, and by how much of itself the load moved beyond its noise (at most 1)."""
    x, y = load - np.nanmean(load, axis=1)[:, None], row - np.nanmean(row, axis=1)[:, None]
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
    sxx, sxy, syy, n = (x * x).sum(axis=1), (x * y).sum(axis=1), (y * y).sum(axis=1), both.sum(axis=1)
    fit = np.where((sxx > 0) & (syy > 0), sxy**2 / np.where(sxx * syy > 0, sxx * syy, 1.0), 0.0)
    sure = np.clip(1 - (1 - fit) / np.maximum(fit, 1e-12) * 4 / np.maximum(n, 1), 0.0, 1.0)
    slope = np.where(n >= 8, np.clip(sxy / np.where(sxx > 0, sxx, 1.0), 0.0, None) * sure, 0.0)
    return slope, relative_growth(load, load_now)


def relative_growth(load: Floats, load_now: Floats) -> Floats:
    """By how much of itself each row of load (rows x times) moved beyond its noise, between -1 and 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = _quantiles(load, (0.5,))[0]
        grown = np.nan_to_num(np.nanmean(load_now, axis=1) - usual)
        beyond = grown**2 / np.maximum(grown**2 + np.nan_to_num(np.nanvar(load, axis=1)), np.finfo(float).tiny)
    found: Floats = np.clip(grown * beyond / np.where(usual > 0, usual, np.inf), -1.0, 1.0)
    return found


def queueing(relative: Floats) -> Floats:
    """By how much of itself a delay would change in a half-busy queue (M/M/1) whose load moved by `relative`."""
    found: Floats = np.abs((1 - BUSY) / (1 - np.minimum(BUSY * (1 + relative), BUSIEST)) - 1)
    return found


def _moderated(scale: Floats, level: Floats, count: Floats, groups: Sequence[str], least: Floats) -> Floats:
    names = np.array(groups)
    relative = scale / np.where(level > 0, level, np.nan)
    prior, typical = np.zeros_like(scale), np.zeros_like(scale)
    for name in np.unique(names):
        own = names == name
        known = relative[own & (count >= 3) & np.isfinite(relative) & (relative > 0)]
        prior[own] = np.median(known) if known.size else 0.1
        spreads = scale[own & (count >= 3) & (scale > 0)]
        typical[own] = np.median(spreads) if spreads.size else 0.0
    weight = PRIOR_POINTS / (PRIOR_POINTS + count)
    expected = np.where(level > 0, prior * level, np.where(least > 0, 0.0, typical))
    moderated = np.sqrt((1 - weight) * np.nan_to_num(scale) ** 2 + weight * expected**2)
    floored: Floats = np.fmax(moderated, SMALLEST_RELATIVE * level)
    return floored
