"""Callers wait, and nobody whom they call takes longer: the seconds are on the way to one of those called."""

from collections.abc import Sequence

import numpy as np

from datasource.causes.ranking.levels import Levels, squash
from datasource.data import Floats

_WAITS = 0.5
"""Evidence from which on a caller surely waits."""


def on_the_wire(levels: Levels, pairs: Sequence[tuple[int, int]]) -> Floats:
    """By service, the evidence that calls to it are slow on their way, where callers measure how long they wait.

    What a caller waits longer than its slowest callee explains is left over. A called service is blamed by the most
    that is left over of any of its callers, times the share of its callers that wait at all, times the share of
    everything left over that its callers have: the one callee that explains every waiting caller, and no caller that
    does not wait, comes first. `pairs` are (caller, callee) by place in `levels.services`.
    """
    waiting = np.where(np.isfinite(levels.waiting), squash(levels.waiting), np.nan)
    slow = squash(levels.slow)
    explained = np.zeros(waiting.size)
    callers: dict[int, list[int]] = {}
    for caller, callee in pairs:
        explained[caller] = max(explained[caller], slow[callee])
        callers.setdefault(callee, []).append(caller)
    left = np.maximum(waiting - explained, 0.0)
    total = float(np.nansum(left[sorted({caller for caller, _ in pairs})])) if pairs else 0.0
    blame = np.zeros(left.size)
    for callee, those in callers.items():
        known = [caller for caller in those if np.isfinite(left[caller])]
        if known and total > 0:
            wait = np.minimum(waiting[known] / _WAITS, 1.0).mean()
            blame[callee] = left[known].max() * wait * left[known].sum() / total
    return blame
