"""Callers wait, and nobody whom they call takes longer: the seconds are on the way to one of those called."""

from collections.abc import Sequence

import numpy as np

from datasource.causes.ranking.constants import SURELY_WAITS
from datasource.causes.ranking.levels import Levels, squash
from datasource.data import Floats


def unexplained_waiting(levels: Levels, pairs: Sequence[tuple[int, int]]) -> Floats:
    """By service, the evidence that it waits longer for others than its slowest callee explains; NaN not measured.

    `pairs` are (caller, callee) by place in `levels.services`.
    """
    slow = squash(levels.slow)
    explained = np.zeros(slow.size)
    for caller, callee in pairs:
        explained[caller] = max(explained[caller], slow[callee])
    return np.where(np.isfinite(levels.waiting), np.maximum(squash(levels.waiting) - explained, 0.0), np.nan)


def own_part(unexplained: Floats) -> Floats:
    """By service, the part of its own slowness that it need not have waited for on the way to somebody."""
    found: Floats = 1.0 - np.minimum(np.nan_to_num(unexplained) / SURELY_WAITS, 1.0)
    return found


def network_delay(levels: Levels, unexplained: Floats, pairs: Sequence[tuple[int, int]]) -> Floats:
    """By service, the evidence that calls to it are slow on their way, where callers measure how long they wait.

    A called service is blamed by the most that is `unexplained` of any of its callers, times the share of its callers
    that wait at all, times the share of everything unexplained that its callers have: the one callee that explains
    every waiting caller, and no caller that does not wait, comes first.
    """
    waits = np.minimum(squash(levels.waiting) / SURELY_WAITS, 1.0)
    callers: dict[int, list[int]] = {}
    for caller, callee in pairs:
        if np.isfinite(unexplained[caller]):
            callers.setdefault(callee, []).append(caller)
    total = float(unexplained[sorted({caller for those in callers.values() for caller in those})].sum())
    blame = np.zeros(unexplained.size)
    for callee, those in callers.items():
        there = unexplained[those]
        blame[callee] = there.max() * waits[those].mean() * there.sum() / total if total > 0 else 0.0
    return blame
