"""Callers wait, and nobody whom they call takes longer: the seconds are on the way to one of those called."""

from collections.abc import Sequence

import numpy as np

from datasource.anomaly.ranking.levels import Levels, squash
from datasource.telemetry import Floats

_HALF_SEEN = 0.05
"""A delay of this share of a caller's calls counts half: what callers wait is mostly measured as a high quantile."""


def on_the_wire(levels: Levels, pairs: Sequence[tuple[int, int]]) -> Floats:
    """By service, the evidence that calls to it are slow on their way, where callers measure how long they wait.

    What a caller waits longer than its slowest callee explains is left over. A called service is blamed by how much is
    left over in all of its callers on average, times the share of everything left over that its callers have: the one
    callee that explains every waiting caller, and no caller that does not wait, comes first. Callers count by how much
    of the callee's delay they would show. `pairs` are (caller, callee) by place in `levels.services`.
    """
    left = np.where(np.isfinite(levels.waiting), squash(levels.waiting), np.nan)
    slow = squash(levels.slow)
    explained = np.zeros(left.size)
    callers: dict[int, list[int]] = {}
    for caller, callee in pairs:
        explained[caller] = max(explained[caller], slow[callee])
        callers.setdefault(callee, []).append(caller)
    left = np.maximum(left - explained, 0.0)
    seen = _seen(levels, pairs)
    total = float(np.nansum(left[sorted({caller for caller, _ in pairs})])) if pairs else 0.0
    blame = np.zeros(left.size)
    for callee, those in callers.items():
        known = [caller for caller in those if np.isfinite(left[caller])]
        weight = np.array([seen[caller, callee] for caller in known])
        if known and total > 0:
            there = float(weight @ left[known])
            blame[callee] = there / weight.sum() * there / total
    return blame


def _seen(levels: Levels, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], float]:
    """How much of a callee's delay a caller's waiting shows, relative to its other callees: less, the fewer its calls.

    A callee's requests are divided among its callers by theirs.
    """
    known = levels.requests[np.isfinite(levels.requests)]
    requests = np.where(np.isfinite(levels.requests), levels.requests, np.median(known) if known.size else 1.0)
    requests = np.maximum(requests, 1e-9)
    asked, made = np.zeros(requests.size), np.zeros(requests.size)
    for caller, callee in pairs:
        asked[callee] += requests[caller]
    calls = {(a, b): float(requests[b] * requests[a] / asked[b]) for a, b in pairs}
    for (caller, _), count in calls.items():
        made[caller] += count
    seen = {(a, b): count / (count + _HALF_SEEN * made[a]) for (a, b), count in calls.items()}
    best = np.zeros(requests.size)
    for (caller, _), share in seen.items():
        best[caller] = max(best[caller], share)
    return {(a, b): share / best[a] for (a, b), share in seen.items()}
