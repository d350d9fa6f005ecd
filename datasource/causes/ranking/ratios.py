"""How far a ratio of two sums moved, as seconds or log lines per request, where requests may be few."""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from datasource.causes.ranking.constants import (
    BEYOND_MOST,
    MOST_WINDOWS,
    PRIOR_POINTS,
    SMALLEST_RELATIVE,
    TAIL,
    TAIL_IS,
    WINDOWS,
)
from datasource.causes.ranking.shift import queueing, relative_growth
from datasource.data import Floats


class RatioShifts(NamedTuple):
    """By row: the usual ratio, the ratio now, its change in standard deviations, and the requests during the incident.

    NaN where there were no requests before or during the incident, or too few points before.
    """

    usual: Floats
    now: Floats
    z: Floats
    requests: Floats


def ratio_shifts(sums: tuple[Floats, Floats], requests: tuple[Floats, Floats], *, counted: bool) -> RatioShifts:
    """The shift of each row's sum per request; both are rows x times, before and during the incident, NaN unknown.

    `counted` where events are added up, otherwise seconds.

    Only points with requests count. The usual level and the scale, which is read off the tails on the side of the
    change, are those of the baseline's windows with as many such points as the incident has, so that what rests on few
    requests is known as badly as it is. A window's ratio is that of its sums where events are counted; of seconds,
    which a single slow request may fill, what two fifths of the requests lie beyond.

    The scale is moderated by that of the other rows, which falls with the square root of the requests (Smyth 2004), and
    is no smaller than one event, nor than 1% of the level. Seconds get what a queue would make of more requests as
    unknown (see `shifts`). No change is more standard deviations than it has requests.
    """
    rows = len(sums[0])
    usual, now, total = np.full(rows, np.nan), np.full(rows, np.nan), np.full(rows, np.nan)
    below, above, windows = np.full(rows, np.nan), np.full(rows, np.nan), np.zeros(rows)
    for i in range(rows):
        before, during = (_points(sums[side][i], requests[side][i]) for side in (0, 1))
        length = min(during.shape[1], before.shape[1] // WINDOWS)
        if length == 0:
            continue
        every = -(-(before.shape[1] - length + 1) // MOST_WINDOWS)
        normal = _ratio(sliding_window_view(before, length, axis=1)[:, ::every], counted)
        low, usual[i], high = np.quantile(normal, (1 - TAIL, 0.5, TAIL))
        below[i], above[i] = (usual[i] - low) / TAIL_IS, (high - usual[i]) / TAIL_IS
        now[i], total[i] = float(_ratio(during[:, None, :], counted)[0]), during[1].sum()
        windows[i] = before.shape[1] / length
    change = now - usual
    own = np.where(change > 0, above, below)
    level = np.abs(usual)
    expected = (np.sqrt(level) if counted else level) / np.sqrt(total)
    scale = _moderated(own, (below, above), expected, windows)
    unknown = np.zeros(rows)
    if counted:
        scale = np.fmax(scale, 1 / total)
    else:
        unknown = level * queueing(relative_growth(*requests))
    scale = np.sqrt(np.fmax(scale, SMALLEST_RELATIVE * level) ** 2 + unknown**2)
    z = np.where(change == 0, 0.0, change / np.where(scale > 0, scale, np.finfo(float).tiny))
    return RatioShifts(usual, now, np.clip(z, -total, total), total)


def _points(row: Floats, requests: Floats) -> Floats:
    """Sums and requests (2 x points) where there are requests and the sum is known."""
    known = (requests > 0) & np.isfinite(row)
    return np.array([row[known], requests[known]])


def _ratio(windows: Floats, counted: bool) -> Floats:
    """The ratio of each window (2 x windows x points)."""
    sums, requests = windows
    if counted:
        found: Floats = sums.sum(axis=1) / requests.sum(axis=1)
        return found
    each = sums / requests
    order = np.argsort(each, axis=1)
    reached = np.cumsum(np.take_along_axis(requests, order, axis=1), axis=1)
    at: NDArray[np.int64] = (reached < BEYOND_MOST * reached[:, -1:]).sum(axis=1)
    found = np.take_along_axis(each, np.take_along_axis(order, at[:, None], axis=1), axis=1)[:, 0]
    return found


def _moderated(own: Floats, sides: tuple[Floats, Floats], expected: Floats, windows: Floats) -> Floats:
    """Scales drawn towards the median row's, relative to what is `expected` of their level and requests."""
    both, twice = np.concatenate(sides), np.concatenate([expected, expected])
    known = (both > 0) & (twice > 0)
    prior = float(np.median(both[known] / twice[known])) if known.any() else 0.0
    weight = PRIOR_POINTS / (PRIOR_POINTS + windows)
    found: Floats = np.sqrt((1 - weight) * own**2 + weight * (prior * expected) ** 2)
    return found
