"""Whether what is left of an incident points at somebody who is not measured."""

from collections.abc import Sequence

import numpy as np

from datasource.anomaly.ranking.levels import Levels, squash
from datasource.anomaly.ranking.own import Own
from datasource.telemetry import Entity, Floats

_CLEAR = 4.0
"""From so many standard deviations on, an excess is beyond chance."""
_AHEAD = 2.0
"""Where one of them scores so many times as high as the next, it is that one."""
_PART = 0.5
"""Who has less than this share of the largest excess says nothing about where it comes from."""


def left_with(levels: Levels, owns: Sequence[Own], scores: Floats) -> tuple[Entity, ...]:
    """The services, at least two, who share an excess that neither a measured callee nor anything inside them explains.

    They may wait for somebody whom all of them call and nobody measures. Empty where one service stands out by its
    score, and where somebody is as abnormal inside as they are outside: then it is there that something broke.
    """
    for own in owns:
        there = np.flatnonzero((own.z > _CLEAR) & (own.share >= _PART))
        if there.size < 2 or levels.inside.max() >= squash(own.z[there]).min():
            continue
        first, second = np.sort(scores)[:-3:-1]
        if first < _AHEAD * second and int(scores.argmax()) in there:
            return tuple(levels.services[i] for i in there[np.argsort(-own.share[there], kind="stable")].tolist())
    return ()
