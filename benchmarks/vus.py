"""VUS-PR, the volume under the surface of range-aware precision and recall (Paparrizos et al., VLDB 2022).

Labels of events are points and detections are a little early or late, so each event gets a buffer on both sides whose
label falls from 1 to 0.7, and recall counts how many events are met at all. The area under the curve of precision over
that recall is averaged over the lengths of the buffer.
"""

from collections.abc import Sequence

import numpy as np

from datasource.data import Floats

_THRESHOLDS = 250
_MOST_LENGTHS = 50

Event = tuple[int, int]
"""The first and the last column at which an event goes on."""


def vus_pr(events: Sequence[Event], score: Floats, longest: int) -> float:
    """The mean of `range_auc_pr` over buffers of 0 to `longest` steps; of more than 50, over 50 of them."""
    lengths = np.unique(np.linspace(0, longest, min(longest + 1, _MOST_LENGTHS)).astype(int))
    return float(np.mean([range_auc_pr(events, score, int(length)) for length in lengths]))


def range_auc_pr(events: Sequence[Event], score: Floats, buffer: int) -> float:
    """The area under precision over recall for 250 thresholds, with a `buffer` of so many steps, half on each side.

    `score` is by time. What is found is the sum of the labels above the threshold; recall is its share of the mean of
    the labels with and without buffers, times the share of events that are met; precision its share of the points.
    """
    label = buffered(events, score.size, buffer)
    order = np.argsort(-score, kind="stable")
    falling = score[order]
    thresholds = falling[np.linspace(0, score.size - 1, _THRESHOLDS).astype(int)]
    predicted = np.searchsorted(-falling, -thresholds, side="right")
    found = np.cumsum(label[order])[predicted - 1]
    highest = np.array([score[first : last + 1].max() for first, last in _runs(label > 0)])
    met = (highest[None, :] >= thresholds[:, None]).mean(axis=1)
    positive = (buffered(events, score.size, 0).sum() + label.sum()) / 2
    recall = np.concatenate([[0.0], np.minimum(found / positive, 1.0) * met])
    precision = np.concatenate([[1.0], found / predicted])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def buffered(events: Sequence[Event], columns: int, buffer: int) -> Floats:
    """By time: 1 during events, and beside them the square root of 1 - distance / buffer for half of the buffer."""
    label = np.zeros(columns)
    for first, last in events:
        label[first : last + 1] = 1.0
        for away in range(1, buffer // 2 + 1):
            height = np.sqrt(1 - away / buffer)
            for column in (first - away, last + away):
                if 0 <= column < columns:
                    label[column] += height
    return np.minimum(label, 1.0)


def _runs(flags: np.ndarray) -> list[Event]:
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(int)))
    return [(int(first), int(after) - 1) for first, after in edges.reshape(-1, 2)]
