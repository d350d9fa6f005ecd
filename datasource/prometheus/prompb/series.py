"""A series as it goes over the wire: labels, times, values."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats
from datasource.prometheus.prompb.protobuf import field

FIRST_TIME, LAST_TIME = 2**35, 2**42
"""Milliseconds that take six bytes as a varint: from 1971 to 2109."""


class ReadSeries(NamedTuple):
    """Labels, times in milliseconds (ascending) and values."""

    labels: Mapping[str, str]
    times: NDArray[np.int64]
    values: Floats

    def known(self) -> "ReadSeries":
        """Without the points that have no number, or no time that can be sent."""
        known = np.isfinite(self.values) & (self.times >= FIRST_TIME) & (self.times < LAST_TIME)
        return self._replace(times=self.times[known], values=self.values[known])


def label_pairs(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """In the order that Prometheus wants; an empty label is none."""
    return sorted((name, value) for name, value in labels.items() if value)


def packed_labels(labels: Mapping[str, str]) -> bytes:
    """The field `labels` (number 1) of a TimeSeries or a ChunkedSeries."""
    return b"".join(field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in label_pairs(labels))
