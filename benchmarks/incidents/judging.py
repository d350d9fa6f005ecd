"""How well a ranking finds the causes: expected over the order of ties, with intervals and paired comparisons."""

from collections.abc import Sequence
from math import comb, sqrt

from benchmarks.incidents.incident import Incident, Scores


def found_within(incident: Incident, scores: Scores, k: int) -> float:
    """The expected share of root causes among the best `k`, of as many as can be there; ties in random order."""
    share = sum(_chance_within(scores, cause, k) for cause in incident.causes)
    return share / min(k, len(incident.causes))


def average_at_5(incident: Incident, scores: Scores) -> float:
    """The mean of `found_within` for the best 1 to 5."""
    return sum(found_within(incident, scores, k) for k in range(1, 6)) / 5


def _chance_within(scores: Scores, accepted: frozenset[str], k: int) -> float:
    """The chance that one of the right answers is among the best `k`, where equal scores come in random order."""
    right = [scores[service] for service in accepted if service in scores]
    if not right:
        return 0.0
    best = max(right)
    above = sum(score > best for score in scores.values())
    tied = sum(score == best for score in scores.values())
    places = min(max(k - above, 0), tied)
    return 1.0 - comb(tied - right.count(best), places) / comb(tied, places)


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share of `n` (Wilson 1927).

    >>> tuple(round(end, 2) for end in wilson(0.5, 24))
    (0.31, 0.69)
    """
    if not n:
        return 0.0, 1.0
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def sign_test(ours: Sequence[float], theirs: Sequence[float]) -> tuple[int, int, float]:
    """Cases won, cases lost, and the two-sided probability of that under equal methods; equal cases do not count.

    >>> sign_test([1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1])
    (5, 0, 0.0625)
    """
    won = sum(a > b + 1e-9 for a, b in zip(ours, theirs, strict=True))
    lost = sum(a < b - 1e-9 for a, b in zip(ours, theirs, strict=True))
    n, least = won + lost, min(won, lost)
    probability = min(1.0, 2 * sum(comb(n, i) for i in range(least + 1)) / 2**n) if n else 1.0
    return won, lost, probability
