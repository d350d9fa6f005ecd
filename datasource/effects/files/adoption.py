"""Whether a treatment that is on or off can be studied by comparing units before and after it begins."""

import numpy as np

from datasource.data import Floats
from datasource.effects.files.rows import Rows


def is_adopted(treatment: Floats, rows: Rows) -> bool:
    """Whether the treatment (n), of two values, begins in some units of a panel and stays on there, while others wait.

    Those are the designs that difference in differences is made for; what comes and goes, as restarts do, is not.
    """
    if rows.units is None or rows.times is None:
        return False
    there = np.isfinite(treatment)
    values, units, times = treatment[there], rows.units[there], rows.times[there].astype(np.float64)
    if len(np.unique(values)) != 2:
        return False
    on = values == values.max()
    begins, last_off = np.full(len(rows.unit_names), np.inf), np.full(len(rows.unit_names), -np.inf)
    np.minimum.at(begins, units[on], times[on])
    np.maximum.at(last_off, units[~on], times[~on])
    starts = np.unique(begins[np.isfinite(last_off)])
    return bool((last_off < begins).all() and np.isfinite(starts).any() and len(starts) > 1)
