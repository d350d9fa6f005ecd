"""Many small gaps at once: the joint score of an entity's variables."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from datasource.anomaly.constants import JOINT_CAP, JOINT_FEWEST
from datasource.data import Floats, Variable


class Joint(NamedTuple):
    """An entity's variables that are judged by their causal scores, and the `level` at which all together are an alarm:
    a root mean square of their scores."""

    variables: tuple[Variable, ...]
    level: float

    def score(self, scores: Sequence[Floats]) -> Floats:
        """By time: the joint score of the variables' causal `scores`, above 1 is an alarm."""
        found: Floats = together(np.stack(scores)) / self.level
        return found


def together(scores: Floats) -> Floats:
    """The root mean square of scores (variables x times, maybe of many entities at once: entities x variables x times),
    each up to 1.5; NaN while fewer than three, or than half, are known."""
    known = np.isfinite(scores)
    count = known.sum(axis=-2)
    squares = np.minimum(np.where(known, np.maximum(scores, 0), 0.0), JOINT_CAP) ** 2
    enough = count >= max(JOINT_FEWEST, (scores.shape[-2] + 1) // 2)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(enough, np.sqrt(squares.sum(axis=-2) / np.maximum(count, 1)), np.nan)
    return found
