"""What an effect analysis answers. Plain frozen data: it comes back from a worker process."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.telemetry import Environment, Floats, Variable


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval, in units of the outcome per unit of the treatment; NaN where there is none."""

    value: float
    lower: float
    upper: float


NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class EffectSeries:
    """Association and effect over rolling windows; `times` (m, seconds since 1970) are the windows' ends."""

    times: NDArray[np.int64]
    association: Floats
    association_lower: Floats
    association_upper: Floats
    effect: Floats
    effect_lower: Floats
    effect_upper: Floats


@dataclass(frozen=True)
class EffectResult:
    """The change of the outcome that a lasting one-unit change of the treatment causes, beside the association.

    `effect` is the sum of `per_lag`, the effects after 0 ... `lags` steps, from `n` complete rows. The effect is NaN,
    and `notices` say why, where the graph does not identify it or the data do not carry it.
    """

    treatment: Variable
    outcome: Variable
    environment: Environment
    association: Estimate
    effect: Estimate
    per_lag: tuple[Estimate, ...]
    method: str
    adjustment_set: tuple[str, ...]
    lags: int
    n: int
    series: EffectSeries
    notices: tuple[str, ...]
