"""Parallel trends: whether treated and controls went together before the start."""

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import autoregressive_error
from datasource.effects.estimators.event_study import FEW, Changes, last_before
from datasource.effects.estimators.joint_covariance import distance
from datasource.effects.result import Check
from datasource.effects.study import Ints
from datasource.numerics import least_squares

_BLOCKS, _MOST = 4, 12


def parallel_trends_of_units(moved: Changes) -> Check:
    """Whether the coefficients before the start are all 0, and whether they have a slope; clustered by unit."""
    whole = np.isfinite(moved.mean)
    places = np.flatnonzero((moved.steps < last_before(moved.steps)) & whole)
    if not len(places):
        return _unseen(int((moved.steps < 0).sum()))
    units = min(len(moved.treated), len(moved.controls)) if len(moved.treated) >= FEW else len(moved.controls)
    room = max(1, min(len(places), (units - 1) // 4, _MOST))
    mean = np.nan_to_num(moved.mean)
    sums = np.zeros((room, len(mean)))
    for row, block in zip(sums, np.array_split(places, room), strict=True):
        row[block] = 1 / len(block)
    joint = _p_value(sums @ mean, *moved.covariance(sums))
    slope = float("nan")
    if len(places) > 1:
        line = np.zeros((1, len(mean)))
        line[0, places] = moved.steps[places] - moved.steps[places].mean()
        line /= (line**2).sum()
        slope = _p_value(line @ mean, *moved.covariance(line))
    return _judged(joint, slope, len(places) + 1)


def parallel_trends_of_series(difference: Floats, positions: Ints) -> Check:
    """The same of one series (m) before the start: its mean in up to four blocks, and its slope; AR(1) errors."""
    m = len(difference)
    if m < 6 or not (difference != difference[0]).any():
        return _unseen(m)
    blocks = np.array_split(np.arange(m), min(_BLOCKS, 2 + m // 60))
    means = np.array([np.isin(np.arange(m), block) / len(block) for block in blocks])
    indicators = (means > 0).astype(np.float64).T
    process = autoregressive_error(difference - indicators @ (means @ difference), positions, indicators)
    contrasts = means[:-1] - means[-1]
    joint = _p_value(contrasts @ difference, process.covariance(contrasts, positions), process.freedom, False)
    fit = least_squares(difference, positions[:, None].astype(np.float64))
    line = np.column_stack([np.ones(m), positions - positions.mean()])
    sloping = autoregressive_error(fit.residuals, positions, line)
    weights = fit.weights[:, 1]
    slope = _p_value(np.array([weights @ difference]), sloping.covariance(weights, positions), sloping.freedom, False)
    return _judged(joint, slope, m)


def _judged(joint: float, slope: float, count: int) -> Check:
    known = [p for p in (joint, slope) if np.isfinite(p)]
    if not known:
        return _unseen(count)
    passed = min(known) * len(known) >= 0.05
    said = (
        "no sign of different trends before the start"
        if passed
        else "the groups did not go in parallel before the start"
    )
    values = f"joint Wald test p {joint:.2g}" + (f", slope p {slope:.2g}" if np.isfinite(slope) else "")
    return Check("parallel trends", passed, f"{said} ({values}, {count} times)")


def _unseen(count: int) -> Check:
    return Check(
        "parallel trends", None, f"cannot be seen: {count} {'time' if count == 1 else 'times'} before the start"
    )


def _p_value(values: Floats, matrix: Floats, freedom: float, estimated: bool = True) -> float:
    """Of the values (q) all being 0: Hotelling's F, or F where only the scale of the `matrix` is estimated."""
    q = len(values)
    statistic = distance(values, matrix)
    left = freedom - q + 1 if estimated else freedom
    if not np.isfinite(statistic) or left < 1:
        return np.nan
    return float(stats.f.sf(statistic * left / (freedom * q), q, left))
