"""What an experiment is expected to tell: the mutual information of the truth and what is seen (Lindley 1956)."""

from collections.abc import Iterable
from math import log2

import numpy as np
from scipy.special import ndtr

from datasource.graph import Evidence

CHANCE = 0.025
"""How often something is seen to move, to the side that was predicted, that does not: half of 1 - 95%."""
_REACH = 1.96
_ODDS = {
    "expert": 9.0,
    "template": 6.0,
    "topology": 6.0,
    "discovered": 3.0,
    "confirmed": 50.0,
    "refuted": 0.02,
    "doubtful": 0.1,
}
"""By what factor each kind of evidence changes the odds of an edge, which are even without any: somebody who knows the
system is right about nine edges of ten, an intervention decides."""


def entropy(sure: float) -> float:
    """Bits that are open about something that is so with this probability.

    >>> entropy(0.5), entropy(1.0)
    (1.0, 0.0)
    """
    return -sum(p * log2(p) for p in (sure, 1 - sure) if p > 0)


def expected_information(sure: float, power: float) -> float:
    """Bits that an experiment is expected to tell of something that is so with a probability.

    What was predicted is seen with the probability `power` where it is so, and by chance where it is not: the mutual
    information of a binary channel.

    >>> round(expected_information(0.5, 1.0), 2), round(expected_information(0.5, CHANCE), 2)
    (0.91, 0.0)
    """
    power = max(power, CHANCE)
    seen = sure * power + (1 - sure) * CHANCE
    return max(entropy(seen) - sure * entropy(power) - (1 - sure) * entropy(CHANCE), 0.0)


def probability(evidence: Iterable[Evidence]) -> float:
    """How likely an edge is by its evidence: odds multiply, each kind counts once (weight of evidence, Good 1950)."""
    odds = float(np.prod([_ODDS.get(kind, 1.0) for kind in {one.kind for one in evidence}]))
    return odds / (1 + odds)


def power_of_mean(change: float, error: float) -> float:
    """How likely a change of a mean, known with a standard error, is told from 0 with 95%."""
    if not (np.isfinite(change) and np.isfinite(error)):
        return 0.0
    return float(ndtr(abs(change) / error - _REACH)) if error > 0 else float(change != 0)
