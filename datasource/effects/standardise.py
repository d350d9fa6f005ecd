"""Columns on a common scale."""

import numpy as np

from datasource.data import Floats


def standardised(columns: Floats) -> Floats:
    """Columns (n, k) with mean 0 and standard deviation 1; constant ones become 0."""
    largest = np.abs(columns).max(axis=0, initial=0)
    scaled = columns / np.where(largest > 0, largest, 1.0)
    centred = scaled - scaled.mean(axis=0)
    spread = centred.std(axis=0)
    standard: Floats = centred / np.where(spread > 1e-13, spread, np.inf)
    return standard
