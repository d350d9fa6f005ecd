"""Prometheus' remote read on the wire: snappy around protobuf, as much of both as one request and its answer need.

By hand, since the request is a few hundred bytes and the answer is written by numpy: a sample is 18 bytes, always.
https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto, https://github.com/google/snappy (format)
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats

MOST_REQUEST = 64 * 1024
"""Bytes of a request, packed; unpacked four times as many."""
_MOST_QUERIES, _MOST_MATCHERS = 64, 64
_FIRST, _LAST = 2**35, 2**42
"""Milliseconds that take six bytes: from 1971 to 2109."""


class WireError(ValueError):
    """Bytes that are no request to read."""


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


class ReadSeries(NamedTuple):
    """Labels, times in milliseconds and values."""

    labels: Mapping[str, str]
    times: NDArray[np.int64]
    values: Floats


_OPERATORS = ("=", "!=", "=~", "!~")


def read_request(packed: bytes) -> tuple[ReadQuery, ...]:
    """The queries of a request's body. Raises WireError."""
    if len(packed) > MOST_REQUEST:
        raise WireError(f"the request is longer than {MOST_REQUEST // 1024} KiB")
    found = tuple(_query(value) for number, value in _fields(unpack(packed, 4 * MOST_REQUEST)) if number == 1)
    if len(found) > _MOST_QUERIES:
        raise WireError(f"the request has {len(found)} queries; {_MOST_QUERIES} are the most")
    return found


def _query(data: int | bytes) -> ReadQuery:
    start = end = 0
    matchers = []
    for number, value in _fields(_bytes(data)):
        if number == 1 and isinstance(value, int):
            start = _signed(value)
        elif number == 2 and isinstance(value, int):
            end = _signed(value)
        elif number == 3:
            matchers.append(_matcher(_bytes(value)))
    if len(matchers) > _MOST_MATCHERS:
        raise WireError(f"a query has {len(matchers)} matchers; {_MOST_MATCHERS} are the most")
    return ReadQuery(start, end, tuple(matchers))


def _matcher(data: bytes) -> Matcher:
    kind, texts = 0, {2: "", 3: ""}
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number in texts:
            try:
                texts[number] = _bytes(value).decode()
            except UnicodeDecodeError:
                raise WireError("a label is no text in UTF-8") from None
    if kind >= len(_OPERATORS):
        raise WireError(f"there is no matcher of type {kind}")
    return Matcher(texts[2], _OPERATORS[kind], texts[3])


def read_response(results: Iterable[Iterable[ReadSeries]]) -> bytes:
    """The body of an answer: for each query its series, in the same order."""
    return pack(b"".join(_field(1, b"".join(_field(1, _series(one)) for one in result)) for result in results))


def size_of(series: ReadSeries) -> int:
    """About how many bytes a series takes on the wire."""
    return 18 * series.values.size + sum(len(name) + len(value) + 8 for name, value in series.labels.items())


def _series(series: ReadSeries) -> bytes:
    labels = [
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in sorted(series.labels.items())
        if value
    ]
    known = np.isfinite(series.values) & (series.times >= _FIRST) & (series.times < _LAST)
    times, values = series.times[known], series.values[known]
    samples = np.empty((times.size, 18), dtype=np.uint8)
    samples[:, :3] = 0x12, 16, 0x09  # samples, 16 bytes long: value, a double
    samples[:, 3:11] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
    samples[:, 11] = 0x10  # timestamp, a varint
    for place in range(6):
        samples[:, 12 + place] = ((times >> (7 * place)) & 0x7F) | (0x80 if place < 5 else 0)
    return b"".join([*labels, samples.tobytes()])


def pack(data: bytes) -> bytes:
    """Snappy's block format, of one literal: nothing is saved, and nothing is needed for it."""
    if not data:
        return b"\x00"
    return _varint(len(data)) + b"\xfc" + (len(data) - 1).to_bytes(4, "little") + data


def unpack(packed: bytes, most: int) -> bytes:
    """What snappy's block format holds, if that is at most so many bytes. Raises WireError."""
    size, place = _read_varint(packed, 0)
    if size > most:
        raise WireError(f"the request declares {size} bytes; {most} are the most")
    found = bytearray()
    while place < len(packed):
        tag = packed[place]
        place += 1
        if tag & 3 == 0:
            length = tag >> 2
            more = max(0, length - 59)
            length = (int.from_bytes(packed[place : place + more], "little") if more else length) + 1
            place += more
            found += packed[place : place + length]
            place += length
        else:
            wide = (0, 1, 2, 4)[tag & 3]
            offset = int.from_bytes(packed[place : place + wide], "little")
            place += wide
            length = (tag >> 2) + 1
            if wide == 1:
                length, offset = ((tag >> 2) & 7) + 4, offset | (tag >> 5) << 8
            if not 0 < offset <= len(found):
                raise WireError("the request is not packed by snappy: it refers to what is not there")
            begin = len(found) - offset
            again = bytes(found[begin : begin + length])
            found += (again * (length // len(again) + 1))[:length]
        if place > len(packed) or len(found) > size:
            raise WireError("the request is not packed by snappy: its parts do not fit")
    if len(found) != size:
        raise WireError("the request is not packed by snappy: it is cut off")
    return bytes(found)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a protobuf message. Raises WireError."""
    place = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == 0:
            value, place = _read_varint(data, place)
        elif kind in (1, 2, 5):
            length = {1: 8, 5: 4}.get(kind)
            if length is None:
                length, place = _read_varint(data, place)
            value = data[place : place + length]
            place += length
            if place > len(data):
                raise WireError("the request is no protobuf: it is cut off")
        else:
            raise WireError(f"the request is no protobuf: there is no wire type {kind}")
        yield number, value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise WireError("the request is no ReadRequest: a number stands where a message belongs")
    return value


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), place
        shift += 7
    raise WireError("the request is cut off, or a number in it is too long")
