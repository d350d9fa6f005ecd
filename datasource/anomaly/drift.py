"""Between two fits, mechanisms follow slow drift."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.follow import pull
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.data import Variable


def follow_drift(
    mechanisms: Mechanisms,
    causal: Mapping[Variable, Prediction],
    marginal: Mapping[Variable, Prediction],
    step: int,
) -> Mechanisms:
    """Move the level of every mechanism a little towards its newest gap, `step` seconds after the last time."""
    return replace(
        mechanisms,
        causal={v: _moved(one, causal.get(v), step) for v, one in mechanisms.causal.items()},
        marginal={v: _moved(one, marginal.get(v), step) for v, one in mechanisms.marginal.items()},
    )


def _moved(mechanism: Mechanism, seen: Prediction | None, step: int) -> Mechanism:
    if seen is None:
        return mechanism
    width, gap = seen.above[-1], seen.gap[-1]
    if not (np.isfinite(width) and np.isfinite(gap) and width > 0):
        return mechanism
    gap = float(gap / width) * mechanism.above / mechanism.reference
    return replace(mechanism, drift=mechanism.drift + pull(gap, step) * mechanism.reference)
