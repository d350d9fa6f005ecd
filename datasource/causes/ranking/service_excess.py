"""What of a service's slowness and failures is its own, and what it only waits for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasource.causes.ranking.levels import Levels
from datasource.data import Floats


class Excess(NamedTuple):
    """By service: its own excess (seconds or failures per second), its share of the largest that is not set apart, its
    z."""

    excess: Floats
    share: Floats
    z: Floats


def excess_seconds(levels: Levels, pairs: Sequence[tuple[int, int]], apart: Sequence[int] = ()) -> Excess:
    """Own excess seconds per second: requests x change of the mean latency, less the callees' share (see `_excess`).

    Where nobody is known to call anybody, nothing can be subtracted, and `share` is that of the largest growth relative
    to the usual latency: who waits for others took longer before, so that the same delay is a smaller part of it.
    """
    own = _excess(levels.requests, levels.latency, levels.latency_z, pairs, apart)
    if pairs:
        return own
    usual = np.abs(levels.shifts.usual[levels.slowest])
    change = levels.shifts.change[levels.slowest]
    grown = np.where((own.excess > 0) & (usual > 0), change / np.where(usual > 0, usual, 1.0), 0.0)
    return own._replace(share=_of_largest(grown, apart))


def excess_failures(levels: Levels, pairs: Sequence[tuple[int, int]], apart: Sequence[int] = ()) -> Excess:
    """Own excess failures per second: requests x change of the failure ratio, less the callees' share."""
    return _excess(levels.requests, levels.failures, levels.failures_z, pairs, apart)


def _excess(
    measured: Floats, change: Floats, z: Floats, pairs: Sequence[tuple[int, int]], apart: Sequence[int]
) -> Excess:
    """Conservation along calls.

    A callee's excess is divided among its callers by their requests, so that a shared callee is subtracted once; no
    caller gives away more than it has, as calls may run in parallel or nobody may wait for them. A change within one
    standard deviation is none. Services whose requests are not measured are taken as typical.
    """
    known = measured[np.isfinite(measured)]
    requests = np.where(np.isfinite(measured), measured, np.median(known) if known.size else 1.0)
    excess = np.where(z > 1, np.maximum(requests * change, 0.0), 0.0)
    asked, waited = np.zeros_like(requests), np.zeros_like(requests)
    for caller, callee in pairs:
        asked[callee] += requests[caller]
    for caller, callee in pairs:
        if asked[callee] > 0:
            waited[caller] += excess[callee] * requests[caller] / asked[callee]
    own = np.maximum(excess - waited, 0.0)
    kept = np.where(excess > 0, own / np.where(excess > 0, excess, 1.0), 0.0)
    return Excess(own, _of_largest(own, apart), z * kept)


def _of_largest(own: Floats, apart: Sequence[int]) -> Floats:
    """By service, its share of the largest of all but those `apart`, at most 1."""
    largest = np.delete(own, apart).max(initial=0.0)
    found: Floats = np.minimum(own / largest, 1.0) if largest > 0 else np.sign(own)
    return found
