"""Tables of how well rankings find root causes: ours beside the peers, in the same run."""

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from benchmarks.incidents.incident import Incident, Method
from benchmarks.incidents.judging import average_at_5, found_within, sign_test, wilson
from benchmarks.incidents.ours import ours
from benchmarks.peers import PEERS
from datasource.data import Floats

OURS = "ours"
METHODS: dict[str, Method] = {OURS: ours, **PEERS}
_LOST = 0.05
_CONFIDENCES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 1.01)


class Judged(NamedTuple):
    """Of one method on incidents: top-1, top-3 and Avg@5 of each (rows), the highest score, and CPU seconds."""

    found: Floats
    highest: Floats
    seconds: Floats


def judge_all(incidents: Sequence[Incident], methods: Mapping[str, Method] = METHODS) -> dict[str, Judged]:
    """Run every method on every incident."""
    results = {}
    for name, method in methods.items():
        found, highest, seconds = [], [], []
        for incident in incidents:
            began = time.process_time()
            scores = method(incident)
            seconds.append(time.process_time() - began)
            highest.append(max(scores.values(), default=0.0))
            if incident.causes:
                found.append([found_within(incident, scores, k) for k in (1, 3)] + [average_at_5(incident, scores)])
        results[name] = Judged(np.array(found).reshape(-1, 3), np.array(highest), np.array(seconds))
    return results


def print_table(title: str, results: Mapping[str, Judged]) -> list[str]:
    """Print a table of one group, and return the peers that are significantly better at Avg@5."""
    n = len(results[OURS].found)
    print(f"\n{title} ({n} cases)")
    heads = ("top-1", "95% interval", "top-3", "Avg@5", "won-lost", "p", "ms/case")
    widths = (7, 15, 8, 8, 11, 8, 9)
    print(f"  {'method':<22}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    ahead = []
    for name, judged in results.items():
        top_1, top_3, average = judged.found.mean(axis=0)
        low, high = wilson(float(top_1), n)
        won, lost, p = sign_test(results[OURS].found[:, 2].tolist(), judged.found[:, 2].tolist())
        pair = "" if name == OURS else f"{won}-{lost}"
        shown_p = "" if name == OURS else f"{p:.3f}"
        ms = 1000 * float(np.mean(judged.seconds))
        print(
            f"  {name:<22}{top_1:>7.2f} {f'{low:.2f} - {high:.2f}':>14}{top_3:>8.2f}{average:>8.2f}"
            f"{pair:>11}{shown_p:>8}{ms:>9.1f}"
        )
        if lost > won and p < _LOST:
            ahead.append(name)
    return ahead


def print_unblamed(title: str, quiet: Mapping[str, Judged], tested: Mapping[str, Judged]) -> None:
    """Print how often nothing is blamed where nothing broke.

    We blame above a score of 1. Peers have no such level; they get the one that 95% of their quiet cases stay below.
    """
    print(f"\n{title}: share in which nothing is blamed ({len(tested[OURS].highest)} cases)")
    for name, judged in tested.items():
        threshold = 1.0 if name == OURS else float(np.quantile(quiet[name].highest, 0.95))
        kept = float(np.mean(judged.highest <= threshold))
        low, high = wilson(kept, len(judged.highest))
        print(f"  {name:<22}{kept:>7.2f} {f'{low:.2f} - {high:.2f}':>14}")


def print_reliability(confident: Sequence[tuple[float, bool]]) -> None:
    """Print how often services were a root cause, by how sure the ranking was of them; each is (confidence, truth)."""
    said, true = (np.array(column, dtype=float) for column in zip(*confident, strict=True))
    print("\nConfidence, and how often it was right")
    print(f"  {'between':<14}{'services':>9}{'said':>8}{'right':>8}")
    for low, high in pairwise(_CONFIDENCES):
        there = (said >= low) & (said < high)
        if there.any():
            means = f"{said[there].mean():>8.2f}{true[there].mean():>8.2f}"
            print(f"  {low:.2f} - {min(high, 1.0):.2f}{there.sum():>12}{means}")


def joined(results: Sequence[Mapping[str, Judged]]) -> dict[str, Judged]:
    """The results of several groups as one."""
    return {
        name: Judged(*(np.concatenate([one[name][part] for one in results]) for part in range(3)))
        for name in results[0]
    }
