"""How sure a ranking is of each entity, with nobody as the alternative."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from datasource.causes.ranking.constants import NOBODY, POWER, STEEP, SUREST

_Key = TypeVar("_Key")


def confidences(scores: Mapping[_Key, float]) -> dict[_Key, float]:
    """The probability that each entity is the root cause, as if there were one or none; 1 less their sum is nobody's.

    (exp(1.37 score) - 1) ^ 1.5, as a share of the sum over all entities and one at a score of 0.55, which is nobody:
    exponential where scores are clear, and next to nothing for the many that are close to 0. At most 0.99.
    """
    weights = np.expm1(STEEP * np.maximum([*scores.values(), NOBODY], 0.0)) ** POWER
    return dict(zip(scores, np.minimum(weights[:-1] / weights.sum(), SUREST).tolist(), strict=True))
