"""Association and effect over rolling windows."""

from collections.abc import Callable, Sequence

import numpy as np

from datasource.data import Floats, Matrix
from datasource.effects.result import NO_ESTIMATE, EffectSeries, Estimate
from datasource.numerics import Interval, rolling_hac_slopes

WINDOWS = 48

Rolling = Callable[[Sequence[tuple[int, int]]], Sequence[Estimate]]
"""An estimator for many windows of the points first ... last - 1."""


def rolling_series(
    matrix: Matrix,
    window: int,
    ends: tuple[Floats, Floats],
    effects: Rolling | None = None,
    constant: Estimate = NO_ESTIMATE,
) -> EffectSeries:
    """Both over at most 48 windows of `window` points; `ends` are the rows (n) of treatment and outcome.

    Without `effects`, the effect is `constant`.
    """
    points = len(matrix.times)
    treatment, outcome = ends
    length = min(window, points)
    last = np.unique(np.linspace(length, points, WINDOWS).round().astype(int)) if points else np.empty(0, int)
    slopes = rolling_hac_slopes(outcome, treatment, length, last)
    found = effects([(end - length, end) for end in last.tolist()]) if effects else [constant] * len(last)
    return EffectSeries(matrix.times[last - 1], *_columns(slopes), *_columns(found))


def _columns(estimates: Sequence[Estimate] | Sequence[Interval]) -> tuple[Floats, Floats, Floats]:
    table = np.array([(e.value, e.lower, e.upper) for e in estimates], dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]
