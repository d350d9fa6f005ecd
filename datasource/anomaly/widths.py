"""How wide an interval is before it is calibrated."""

from math import log
from typing import NamedTuple

from datasource.data import Floats

_TAIL, _REFERENCE = 0.95, 0.002
"""An interval is as wide as what this share of residuals exceeds, by an exponential tail beyond their 95% quantile
(Pickands 1975)."""


class Widths(NamedTuple):
    """How far residuals go below and above 0, as few of them do."""

    below: float
    above: float


def reference_widths(ordered: Floats, smallest: float) -> Widths:
    """The widths of residuals in ascending order, `smallest` at least."""
    return Widths(max(_tail_width(-ordered[::-1]), smallest), max(_tail_width(ordered), smallest))


def _tail_width(ordered: Floats) -> float:
    place = int(_TAIL * (ordered.size - 1))
    start = float(ordered[place])
    beyond = ordered[place + 1 :]
    mean_excess = float(beyond.mean()) - start if beyond.size else 0.0
    return max(start, 0.0) + mean_excess * log((1 - _TAIL) / _REFERENCE)
