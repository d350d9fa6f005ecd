"""How wide an interval is before it is calibrated, and what other times say of that."""

from math import log
from typing import NamedTuple

import numpy as np

from datasource.anomaly.mechanisms.robust import Fit
from datasource.telemetry import Floats

_TAIL, _REFERENCE = 0.95, 0.002
"""An interval is as wide as what this share of residuals exceeds, by an exponential tail beyond their 95% quantile
(Pickands 1975)."""
_MOST_SURPRISED = 5.0
"""A part of the time is never taken for more surprising to the others than so."""


class Widths(NamedTuple):
    """How far residuals go below and above 0, as few of them do."""

    below: float
    above: float


def reference_widths(ordered: Floats) -> Widths:
    """The widths of residuals in ascending order."""
    return Widths(_tail_width(-ordered[::-1]), _tail_width(ordered))


def _tail_width(ordered: Floats) -> float:
    place = int(_TAIL * (ordered.size - 1))
    start = float(ordered[place])
    beyond = ordered[place + 1 :]
    mean_excess = float(beyond.mean()) - start if beyond.size else 0.0
    return max(max(start, 0.0) + mean_excess * log((1 - _TAIL) / _REFERENCE), float(np.finfo(np.float64).tiny))


def width_by_the_others(fit: Fit, residuals: Floats, whole: Widths) -> Floats:
    """By row, the width of the interval on the side of its residual over what the other rows say that it is."""
    fold_of = np.repeat(np.arange(len(fit.folds)), [fold.stop - fold.start for fold in fit.folds])[fit.kept]
    order = np.argsort(residuals[fit.kept])
    ordered, fold_of = residuals[fit.kept][order], fold_of[order]
    ratio = np.empty(residuals.size)
    for number, fold in enumerate(fit.folds):
        others = ordered[fold_of != number]
        if others.size <= ordered.size // 2:
            others = ordered
        widths = reference_widths(others)
        ratio[fold] = np.where(residuals[fold] > 0, whole.above / widths.above, whole.below / widths.below)
    return np.clip(ratio, 1 / _MOST_SURPRISED, _MOST_SURPRISED)
