"""Intervals of many effects at once, one for each point in time."""

import numpy as np
from scipy import stats

from datasource.effects.result import Estimate
from datasource.telemetry import Floats


def pointwise(values: Floats, errors: Floats, freedoms: Floats | float) -> list[Estimate]:
    """95% intervals and p-values (m) from standard errors (m) and Student's t; NaN below one degree of freedom."""
    reaches = errors * reach(freedoms)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = 2 * stats.t.sf(np.abs(values / errors), freedoms)
    p_values = np.where(np.isfinite(reaches), p_values, np.nan)
    rows = np.column_stack([values, values - reaches, values + reaches, p_values]).tolist()
    return [Estimate(*row) for row in rows]


def reach(freedoms: Floats | float) -> Floats:
    """How many standard errors a 95% interval reaches to each side; NaN below one degree of freedom."""
    known = np.asarray(freedoms, dtype=np.float64)
    found: Floats = np.where(known >= 1, stats.t.ppf(0.975, np.maximum(known, 1)), np.nan)
    return found
