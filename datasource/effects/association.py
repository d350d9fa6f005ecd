"""The association: what a dashboard shows, without any adjustment."""

import numpy as np

from datasource.data import Floats
from datasource.effects.result import Estimate
from datasource.numerics import ewc_slope


def association(outcome: Floats, treatment: Floats) -> Estimate:
    """The slope of `outcome` on `treatment` (both by time, NaN where missing) with its EWC 95% interval."""
    both = np.isfinite(outcome) & np.isfinite(treatment)
    return Estimate(*ewc_slope(outcome[both], treatment[both]))
