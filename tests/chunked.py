"""An answer of STREAMED_XOR_CHUNKS, as a reader that knows nothing of our writer sees it."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from datasource.prometheus.prompb.protobuf import fields, read_varint

Labels = tuple[tuple[str, str], ...]
Points = list[tuple[int, float]]


class Chunk(NamedTuple):
    """One chunk as it stands in a frame."""

    start: int
    end: int
    encoding: int
    data: bytes


class Part(NamedTuple):
    """A series in a frame, of the query with this number."""

    query: int
    labels: Labels
    chunks: list[Chunk]


def _of_byte(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state


_OF_BYTES = [_of_byte(byte) for byte in range(256)]


def slow_crc32c(data: bytes) -> int:
    """The checksum, a byte after the other."""
    state = 0xFFFFFFFF
    for byte in data:
        state = _OF_BYTES[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ 0xFFFFFFFF


def frames_of(body: bytes) -> Iterator[bytes]:
    """Frames whose length and checksum are right."""
    place = 0
    while place < len(body):
        size, place = read_varint(body, place)
        frame = body[place + 4 : place + 4 + size]
        assert len(frame) == size
        assert int.from_bytes(body[place : place + 4], "big") == slow_crc32c(frame)
        yield frame
        place += 4 + size


def parts_of(body: bytes) -> Iterator[Part]:
    """Series of all frames, in order."""
    for frame in frames_of(body):
        found = [*fields(frame)]
        query = next((value for number, value in found if number == 2), 0)
        for number, value in found:
            if number == 1:
                assert isinstance(value, bytes)
                assert isinstance(query, int)
                yield Part(query, *_series(value))


def _series(data: bytes) -> tuple[Labels, list[Chunk]]:
    labels, chunks = [], []
    for number, value in fields(data):
        parts = dict(fields(value))  # type: ignore[arg-type]
        if number == 1:
            labels.append((parts[1].decode(), parts[2].decode()))  # type: ignore[union-attr]
        else:
            assert number == 2
            chunks.append(Chunk(parts.get(1, 0), parts.get(2, 0), parts[3], parts[4]))  # type: ignore[arg-type]
    return tuple(labels), chunks


def points_of(chunk: Chunk) -> Points:
    """The samples of a chunk. https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md"""
    assert chunk.encoding == 1
    bits = _Bits(chunk.data[2:])
    points: Points = []
    time = distance = word = 0
    leading = trailing = 0
    for place in range(int.from_bytes(chunk.data[:2], "big")):
        if place == 0:
            zigzag = bits.varint()
            time, word = zigzag >> 1 ^ -(zigzag & 1), bits.take(64)
        else:
            if place == 1:
                distance = bits.varint()
            else:
                width = next((size for size in (0, 14, 17, 20) if not bits.take(1)), 64)
                change = bits.take(width)
                distance += change - (1 << width) if width and change > 1 << (width - 1) else change
            time += distance
            if bits.take(1):
                if bits.take(1):
                    leading, size = bits.take(5), bits.take(6) or 64
                    trailing = 64 - leading - size
                word ^= bits.take(64 - leading - trailing) << trailing
        points.append((time, struct.unpack(">d", word.to_bytes(8, "big"))[0]))
    assert bits.left <= 8  # Prometheus' own begins another byte where the last one is full
    assert (chunk.start, chunk.end) == (points[0][0], points[-1][0])
    return points


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._number, self.left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        self.left -= count
        assert self.left >= 0
        return self._number >> self.left & ((1 << count) - 1)

    def varint(self) -> int:
        value = shift = 0
        while (byte := self.take(8)) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift
