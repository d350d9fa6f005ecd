"""What is sent by remote write (version 1): the newest sample of every series.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from datasource.prometheus.prompb.protobuf import field, number_field
from datasource.prometheus.prompb.series import packed_labels
from datasource.prometheus.prompb.snappy import pack

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
GONE = struct.pack("<Q", 0x7FF0000000000002)
"""Prometheus' staleness marker: the series ends here, instead of in five minutes."""


class Written(NamedTuple):
    """A series: its labels as they are sent (`packed_labels`), and the value, None where the series ends."""

    labels: bytes
    value: float | None


def written(name: str, labels: Mapping[str, str], value: float | None) -> Written:
    """A sample of a metric, ready to be sent."""
    return Written(packed_labels({**labels, "__name__": name}), value)


def write_request(series: Iterable[Written], time: int) -> bytes:
    """The body of a request: samples of one time, in milliseconds."""
    when = number_field(2, time)
    found = []
    for labels, value in series:
        sample = b"\x09" + (GONE if value is None else struct.pack("<d", value)) + when
        found.append(field(1, labels + field(2, sample)))
    return pack(b"".join(found))
