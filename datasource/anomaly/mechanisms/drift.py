"""Between two fits, mechanisms follow slow drift."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from datasource.anomaly.mechanisms.fit import Mechanisms
from datasource.anomaly.mechanisms.mechanism import Mechanism, Prediction
from datasource.telemetry import Variable

_HALF_LIFE = 6 * 3600.0
_FARTHEST = 0.5
"""No level moves farther from where it was fitted than this share of its interval's narrower width."""


def follow_drift(
    mechanisms: Mechanisms,
    causal: Mapping[Variable, Prediction],
    marginal: Mapping[Variable, Prediction],
    step: int,
) -> Mechanisms:
    """Move the level of every mechanism a little towards its newest gap, `step` seconds after the last time.

    An exponentially weighted mean with a half-life of six hours. Where the newest score is above 1 the level stays:
    what is an anomaly is not learnt. It stays near where it was fitted, so that no slowly growing fault is followed.
    """
    share = 1 - 0.5 ** (step / _HALF_LIFE)
    return replace(
        mechanisms,
        causal={v: _moved(one, causal.get(v), share) for v, one in mechanisms.causal.items()},
        marginal={v: _moved(one, marginal.get(v), share) for v, one in mechanisms.marginal.items()},
    )


def _moved(mechanism: Mechanism, seen: Prediction | None, share: float) -> Mechanism:
    if seen is None or not seen.score[-1] <= 1:
        return mechanism
    width = seen.upper[-1] - seen.expected[-1]
    if not (np.isfinite(width) and width > 0):
        return mechanism
    # Per request where the mechanism is: the interval's width is known in both units.
    gap = float((seen.observed[-1] - seen.expected[-1]) / width) * mechanism.above
    farthest = _FARTHEST * min(mechanism.above, mechanism.below)
    return replace(mechanism, drift=float(np.clip(mechanism.drift + share * gap, -farthest, farthest)))
