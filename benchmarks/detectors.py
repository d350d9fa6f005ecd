"""Published detectors of anomalies in many series, as simple as they are described, to print beside ours.

Each takes values to fit on and values to judge, both times x columns without gaps, and gives a score by time. Its
threshold is chosen so that on held-out parts of a quiet time it keeps the same promise as we do.
"""

from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from datasource.anomaly.persistence import USUAL, Persistence, persisting
from datasource.data import Floats
from datasource.replay.alarms import episodes_of

Detector = Callable[[Floats, Floats], Floats]
_BLOCKS = 8
"""Held-out parts of the quiet time; also the days that the range rule looks back."""
_VARIANCE = 0.9
_TREES, _SEED = 200, 7
_SMALLEST = 0.01
"""No scale is smaller than this share of a column's largest value, or a column that never moved would always alarm."""


def n_sigma(fitted: Floats, judged: Floats) -> Floats:
    """The largest deviation of any column from its mean, in its standard deviations."""
    scale = np.maximum(fitted.std(axis=0), _least(fitted))
    return np.abs((judged - fitted.mean(axis=0)) / scale).max(axis=1)


def robust_iqr(fitted: Floats, judged: Floats) -> Floats:
    """The largest deviation of any column from its median, in its interquartile ranges."""
    low, middle, high = np.quantile(fitted, [0.25, 0.5, 0.75], axis=0)
    return np.abs((judged - middle) / np.maximum(high - low, _least(fitted))).max(axis=1)


def pca_residual(fitted: Floats, judged: Floats) -> Floats:
    """The squared distance from the plane of the principal components that hold 90% of the standardised variance."""
    middle, scale = fitted.mean(axis=0), np.maximum(fitted.std(axis=0), _least(fitted))
    _, singular, axes = np.linalg.svd((fitted - middle) / scale, full_matrices=False)
    shares = np.cumsum(singular**2) / max(float(np.sum(singular**2)), 1e-300)
    plane = axes[: int(np.searchsorted(shares, _VARIANCE)) + 1]
    apart = (judged - middle) / scale
    residual: Floats = np.sum((apart - apart @ plane.T @ plane) ** 2, axis=1)
    return residual


def isolation_forest(fitted: Floats, judged: Floats) -> Floats:
    """The anomaly score of scikit-learn's isolation forest (Liu et al. 2008) of 200 trees."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=_TREES, random_state=_SEED).fit(fitted)
    return -np.asarray(forest.score_samples(judged), dtype=np.float64)


DETECTORS: dict[str, Detector] = {
    "N-sigma": n_sigma,
    "robust IQR": robust_iqr,
    "PCA residual": pca_residual,
    "isolation forest": isolation_forest,
}


def calibrated(
    detector: Detector, fitted: Floats, judged: Floats, allowed: float, persistence: Persistence = USUAL
) -> Floats:
    """The detector's score of what is judged, in units of its threshold: above 1 is an anomaly.

    The threshold is the lowest at which the scores of eight blocks of the fitted time, each by a fit on the other
    seven, persist in at most `allowed` episodes.
    """
    blocks = np.array_split(np.arange(len(fitted)), _BLOCKS)
    held_out = [detector(np.delete(fitted, block, axis=0), fitted[block]) for block in blocks if block.size]
    return detector(fitted, judged) / _threshold(np.concatenate(held_out), allowed, persistence)


def range_rule(values: Floats, first: int, day: int, promise: float, persistence: Persistence = USUAL) -> Floats:
    """How far the most deviating column lies outside its range of the newest eight days, in units of that range and a
    margin: above 1 is an anomaly. By time, from row `first` of `values` on; `day` is the number of rows in a day.

    Every day the margin is chosen anew: with it, each of the eight days judged by the range of the others keeps the
    `promise` of so many episodes a day.
    """
    return np.concatenate([*_days(values, first, day, promise, persistence)])


def _days(values: Floats, first: int, day: int, promise: float, persistence: Persistence) -> Iterator[Floats]:
    for begin in range(first, len(values), day):
        newest = values[max(0, begin - _BLOCKS * day) : begin]
        blocks = [newest[place : place + day] for place in range(0, len(newest), day)]
        own = [
            _outside(np.concatenate([*chain(blocks[:number], blocks[number + 1 :])]), block)
            for number, block in enumerate(blocks)
            if len(blocks) > 1
        ]
        allowed = promise * len(newest) / day
        margin = max(1.0, _threshold(np.concatenate(own), allowed, persistence)) if own else 1.0
        yield _outside(newest, values[begin : begin + day]) / margin


def _outside(fitted: Floats, judged: Floats) -> Floats:
    """The largest distance of any column from the middle of its range, in halves of the range: above 1 is outside."""
    low, high = fitted.min(axis=0), fitted.max(axis=0)
    half = np.maximum((high - low) / 2, _least(fitted))
    found: Floats = np.abs((judged - (low + high) / 2) / half).max(axis=1)
    return found


def _least(fitted: Floats) -> Floats:
    largest = np.abs(fitted).max(axis=0)
    return np.where(largest > 0, _SMALLEST * largest, 1.0)


def _threshold(score: Floats, allowed: float, persistence: Persistence) -> float:
    """The lowest level above which the score persists in at most `allowed` episodes, as of all higher levels."""
    heights = persisting(score, persistence)
    levels = np.unique(heights)[::-1]

    def kept(number: int) -> bool:
        return len(episodes_of(heights > levels[number], persistence.of)) <= allowed

    good, step = 0, 1
    while good + step < levels.size and kept(good + step):
        good, step = good + step, 2 * step
    bad = min(good + step, levels.size)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if kept(middle) else (good, middle)
    return max(float(levels[good]), 1e-12)
