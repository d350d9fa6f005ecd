"""Series brought to one window, taken a window apart, without trend and day: rows that do not repeat each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats
from datasource.discovery.series import Series, normal_scores, standardised

_DAY = 86400
_HARMONICS = 3


def averaged(series: Series, steps: Sequence[int]) -> Series:
    """The series with each row averaged over so many steps before, too: a rate over a longer window."""
    values = series.values.copy()
    for row, more in zip(values, steps, strict=True):
        if more > 0 and row.size > more:
            sums = np.cumsum(np.concatenate([np.full(more + 1, 0.0), row]))
            counts = np.minimum(np.arange(1, row.size + 1), more + 1)
            first = np.maximum(np.arange(row.size) - more, 0)
            row[:] = (sums[more + 1 :] - sums[first + more]) / counts
    return replace(series, values=values)


def whitened(series: Series, apart: int, step: int) -> Floats:
    """Normal scores of rows that are `apart` steps from each other, without trend and a day's cycle.

    Those are taken out first: scores would bend them, and noise with them. What is mostly one value has none.
    """
    values = series.values
    if series.has_memory and values.size:
        waves = season(values.shape[1], step)
        calm = series.without_trend()
        calm = calm - np.linalg.lstsq(waves.T, calm.T, rcond=None)[0].T @ waves
        values = np.where(mostly_one_value(values)[:, None], values, calm)
    values = values[:, (values.shape[1] - 1) % apart :: apart]
    return standardised(np.array([normal_scores(row) for row in values])) if values.size else values


def mostly_one_value(values: Floats) -> NDArray[np.bool_]:
    """Of each row, whether more than half of it is one value."""
    usual = [int(np.unique(row, return_counts=True)[1].max()) for row in values]
    found: NDArray[np.bool_] = np.array(usual, dtype=np.int64) > values.shape[1] / 2
    return found


def season(rows: int, seconds: int) -> Floats:
    """A constant, and where the rows span a day its cycle and some harmonics of it (rows of the answer)."""
    times = np.arange(rows) * seconds
    harmonics = range(1, _HARMONICS + 1) if rows * seconds >= _DAY else ()
    waves = [wave(2 * np.pi * k * times / _DAY) for k in harmonics for wave in (np.sin, np.cos)]
    return np.array([np.ones(rows), *waves])
