"""What Prometheus asks by remote_read, and an answer of plain samples.

https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from datasource.prometheus.prompb.protobuf import WireError, field, fields, message, read_varint, signed
from datasource.prometheus.prompb.series import ReadSeries, packed_labels
from datasource.prometheus.prompb.snappy import pack, unpack

MOST_REQUEST = 64 * 1024
"""Bytes of a request, packed; unpacked four times as many."""
_MOST_QUERIES, _MOST_MATCHERS, _MOST_TYPES = 64, 64, 16

SAMPLES, STREAMED_XOR_CHUNKS = 0, 1
"""Types of an answer, as ReadRequest.ResponseType numbers them."""


class Matcher(NamedTuple):
    """What a label has to be; `operator` as in PromQL."""

    name: str
    operator: str
    value: str


class ReadQuery(NamedTuple):
    """One selector: from when to when (milliseconds, both included)."""

    start: int
    end: int
    matchers: tuple[Matcher, ...]


class ReadRequest(NamedTuple):
    """Selectors, and the first type of answer among those that the asker accepts and that can be had here."""

    queries: tuple[ReadQuery, ...]
    answer: int = SAMPLES


_OPERATORS = ("=", "!=", "=~", "!~")


def read_request(packed: bytes) -> ReadRequest:
    """What a request's body asks. Raises WireError."""
    if len(packed) > MOST_REQUEST:
        raise WireError(f"the request is longer than {MOST_REQUEST // 1024} KiB")
    queries, accepted = [], []
    for number, value in fields(unpack(packed, 4 * MOST_REQUEST)):
        if number == 1:
            queries.append(_query(value))
        elif number == 2:
            accepted += _numbers(value)
    if len(queries) > _MOST_QUERIES:
        raise WireError(f"the request has {len(queries)} queries; {_MOST_QUERIES} are the most")
    known = [one for one in accepted if one in (SAMPLES, STREAMED_XOR_CHUNKS)]
    if accepted and not known:
        raise WireError(
            f"the request accepts answers of the types {accepted[:_MOST_TYPES]} only; here are SAMPLES ({SAMPLES}) and "
            f"STREAMED_XOR_CHUNKS ({STREAMED_XOR_CHUNKS})"
        )
    return ReadRequest(tuple(queries), known[0] if known else SAMPLES)


def _numbers(value: int | bytes) -> list[int]:
    """A repeated number, each by itself or several packed into one field."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        one, place = read_varint(value, place)
        found.append(one)
    return found


def _query(data: int | bytes) -> ReadQuery:
    start = end = 0
    matchers = []
    for number, value in fields(message(data)):
        if number == 1 and isinstance(value, int):
            start = signed(value)
        elif number == 2 and isinstance(value, int):
            end = signed(value)
        elif number == 3:
            matchers.append(_matcher(message(value)))
    if len(matchers) > _MOST_MATCHERS:
        raise WireError(f"a query has {len(matchers)} matchers; {_MOST_MATCHERS} are the most")
    return ReadQuery(start, end, tuple(matchers))


def _matcher(data: bytes) -> Matcher:
    kind, texts = 0, {2: "", 3: ""}
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number in texts:
            try:
                texts[number] = message(value).decode()
            except UnicodeDecodeError:
                raise WireError("a label is no text in UTF-8") from None
    if kind >= len(_OPERATORS):
        raise WireError(f"there is no matcher of type {kind}")
    return Matcher(texts[2], _OPERATORS[kind], texts[3])


def read_response(results: Iterable[Iterable[ReadSeries]]) -> bytes:
    """The body of an answer of SAMPLES: for each query its series, in the same order."""
    return pack(b"".join(field(1, b"".join(field(1, _series(one)) for one in result)) for result in results))


def size_of(series: ReadSeries) -> int:
    """About how many bytes a series takes on the wire as SAMPLES."""
    return 18 * series.values.size + sum(len(name) + len(value) + 8 for name, value in series.labels.items())


def _series(series: ReadSeries) -> bytes:
    _, times, values = series.known()
    samples = np.empty((times.size, 18), dtype=np.uint8)
    samples[:, :3] = 0x12, 16, 0x09  # samples, 16 bytes long: value, a double
    samples[:, 3:11] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
    samples[:, 11] = 0x10  # timestamp, a varint
    for place in range(6):
        samples[:, 12 + place] = ((times >> (7 * place)) & 0x7F) | (0x80 if place < 5 else 0)
    return packed_labels(series.labels) + samples.tobytes()
