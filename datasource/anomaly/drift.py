"""Between two fits, mechanisms follow slow drift."""

from collections.abc import Mapping

import numpy as np

from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.follow import pull
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.data import Variable

_UNSEEN = (np.nan,) * 4


def follow_drift(
    mechanisms: Mechanisms,
    causal: Mapping[Variable, Prediction],
    marginal: Mapping[Variable, Prediction],
    step: int,
) -> Mechanisms:
    """Move the level of every mechanism a little towards its newest gap, `step` seconds after the last time."""
    return mechanisms.at_levels(
        _moved(mechanisms.causal, causal, step),
        _moved(mechanisms.marginal, marginal, step),
    )


def _moved(
    mechanisms: Mapping[Variable, Mechanism], seen: Mapping[Variable, Prediction], step: int
) -> dict[Variable, Mechanism]:
    every = list(mechanisms.values())
    predictions = [seen.get(variable) for variable in mechanisms]
    numbers = [
        (one.above[-1], one.gap[-1], mechanism.above, mechanism.reference) if one else _UNSEEN
        for one, mechanism in zip(predictions, every, strict=True)
    ]
    width, gap, above, reference = np.array(numbers, dtype=np.float64).reshape(-1, 4).T
    able = np.isfinite(width) & np.isfinite(gap) & (width > 0)
    with np.errstate(all="ignore"):
        by = pull(gap / width * above / reference, step) * reference
    for number, far in zip(np.flatnonzero(able).tolist(), by[able].tolist(), strict=True):
        every[number] = every[number].moved(far)
    return dict(zip(mechanisms, every, strict=True))
