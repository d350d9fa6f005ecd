"""Prometheus' remote read and remote write on the wire: snappy around protobuf, as much as these need of both.

By hand, since what is read is a few hundred bytes, and what is written is written by numpy.
https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto
"""

from datasource.prometheus.prompb.protobuf import WireError
from datasource.prometheus.prompb.read import (
    MOST_REQUEST,
    SAMPLES,
    STREAMED_XOR_CHUNKS,
    Matcher,
    ReadQuery,
    ReadRequest,
    read_request,
    read_response,
    size_of,
)
from datasource.prometheus.prompb.series import ReadSeries
from datasource.prometheus.prompb.stream import CONTENT_TYPE as STREAMED
from datasource.prometheus.prompb.stream import streamed_response
from datasource.prometheus.prompb.write import HEADERS as WRITE_HEADERS
from datasource.prometheus.prompb.write import Written, write_request, written

__all__ = [
    "MOST_REQUEST",
    "SAMPLES",
    "STREAMED",
    "STREAMED_XOR_CHUNKS",
    "WRITE_HEADERS",
    "Matcher",
    "ReadQuery",
    "ReadRequest",
    "ReadSeries",
    "WireError",
    "Written",
    "read_request",
    "read_response",
    "size_of",
    "streamed_response",
    "write_request",
    "written",
]
