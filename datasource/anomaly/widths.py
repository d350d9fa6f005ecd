"""How wide an interval is before it is calibrated."""

from math import log
from typing import NamedTuple

import numpy as np

from datasource.data import Floats

_TAIL, _REFERENCE = 0.95, 0.002
"""An interval is as wide as what this share of residuals exceeds, by an exponential tail beyond their 95% quantile
(Pickands 1975)."""


class Widths(NamedTuple):
    """How far residuals go below and above 0, as few of them do."""

    below: float
    above: float


def reference_widths(residuals: Floats, smallest: float) -> Widths:
    """The widths of residuals, `smallest` at least."""
    last = residuals.size - 1
    place = int(_TAIL * last)
    ordered = np.partition(residuals, (last - place, place))
    below = _tail_width(-ordered[last - place], -ordered[: last - place])
    return Widths(max(below, smallest), max(_tail_width(ordered[place], ordered[place + 1 :]), smallest))


def _tail_width(start: float, beyond: Floats) -> float:
    mean_excess = float(beyond.mean()) - start if beyond.size else 0.0
    return float(max(start, 0.0) + mean_excess * log((1 - _TAIL) / _REFERENCE))
