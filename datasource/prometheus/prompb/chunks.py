"""Prometheus' XOR chunks: samples as differences, in bits.

A time is the change of the distance to the one before, a value its XOR with the one before, of which only the bits
between its leading and trailing zeros are written.
Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database" (VLDB 2015), with the lengths of
https://github.com/prometheus/prometheus/blob/main/tsdb/docs/format/chunks.md

Which bits of a value are written depends on the value before it, so the work goes along the samples, over all chunks at
once: numpy's price is paid 120 times a batch, not once a sample.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats

CHUNK = 120
"""Samples of a chunk, as Prometheus' own have."""
_BATCH = 1024
"""Chunks encoded side by side: a megabyte for each of the arrays that this takes."""
_DISTANCES = ((14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4))
"""Bits of a change of distance, with the prefix that says so and how many bits that one has."""
_WIDEST = 31
"""Leading zeros that five bits can tell of."""

Integers = NDArray[np.int64]
Bits = NDArray[np.uint64]


class Chunk(NamedTuple):
    """Up to 120 samples from one time to another (milliseconds), encoded."""

    start: int
    end: int
    data: bytes


def xor_chunks(series: Sequence[tuple[Integers, Floats]]) -> Iterator[tuple[Chunk, ...]]:
    """Of each series the chunks that hold its samples: times (milliseconds, ascending, of at least 0) and values."""
    parts = [
        (times[begin : begin + CHUNK], values[begin : begin + CHUNK])
        for times, values in series
        for begin in range(0, times.size, CHUNK)
    ]
    encoded = (chunk for begin in range(0, len(parts), _BATCH) for chunk in _encode(parts[begin : begin + _BATCH]))
    for times, _ in series:
        yield tuple(next(encoded) for _ in range(-(-times.size // CHUNK)))


def _encode(parts: Sequence[tuple[Integers, Floats]]) -> Iterator[Chunk]:
    """Chunks side by side, a row each; what a row has no sample for takes no bits."""
    sizes = np.array([times.size for times, _ in parts])
    longest = int(sizes.max())
    times = np.zeros((len(parts), longest), dtype=np.int64)
    values = np.zeros((len(parts), longest), dtype=np.uint64)
    for row, (when, what) in enumerate(parts):
        times[row, : when.size] = when
        values[row, : when.size] = what.astype(np.float64).view(np.uint64)
    # Of each sample four: distance and what is left of it, value and what is left of it.
    pieces = np.zeros((len(parts), longest, 4), dtype=np.uint64)
    lengths = np.zeros(pieces.shape, dtype=np.int64)
    _lay_times(times, pieces, lengths)
    _lay_values(values, pieces, lengths)
    lengths[np.arange(longest) >= sizes[:, None]] = 0
    header = sizes[:, None].astype(np.uint64)
    data = _joined(
        np.concatenate([header, pieces.reshape(len(parts), -1)], axis=1),
        np.concatenate([np.full_like(header, 16, dtype=np.int64), lengths.reshape(len(parts), -1)], axis=1),
    )
    for (when, _), one in zip(parts, data, strict=True):
        yield Chunk(int(when[0]), int(when[-1]), one)


def _lay_times(times: Integers, pieces: Bits, lengths: Integers) -> None:
    """The first time and the first distance as varints, then how the distance changes, in the fewest bits of four."""
    pieces[:, 0, 0], lengths[:, 0, 0] = _varints(times[:, 0] << 1)  # zigzag, of what is not negative
    if times.shape[1] < 2:
        return
    distances = np.diff(times, axis=1)
    pieces[:, 1, 0], lengths[:, 1, 0] = _varints(np.maximum(distances[:, 0], 0))
    changes = np.diff(distances, axis=1)
    prefix, bits, rest = pieces[:, 2:, 0], lengths[:, 2:, 0], lengths[:, 2:, 1]
    prefix[...], bits[...], rest[...] = 0b1111, 4, 64
    pieces[:, 2:, 1] = changes.view(np.uint64)
    for width, sign, length in reversed(_DISTANCES):
        fits = (changes >= 1 - (1 << (width - 1))) & (changes <= 1 << (width - 1))
        low = changes.view(np.uint64) & np.uint64((1 << width) - 1)
        prefix[fits] = (np.uint64(sign << width) | low)[fits]
        bits[fits], rest[fits] = length + width, 0
    same = changes == 0
    prefix[same], bits[same] = 0, 1


def _lay_values(values: Bits, pieces: Bits, lengths: Integers) -> None:
    """The first value whole, then of each what it has not in common with the one before."""
    pieces[:, 0, 3], lengths[:, 0, 3] = values[:, 0], 64
    changes = values[:, 1:] ^ values[:, :-1]
    leading, trailing = np.minimum(_leading_zeros(changes), _WIDEST), _trailing_zeros(changes)
    moved = changes != 0
    from_left = np.full(len(values), 64)  # nothing is within these, so the first change says its own
    from_right = np.full(len(values), 64)
    for place in range(changes.shape[1]):
        within = (leading[:, place] >= from_left) & (trailing[:, place] >= from_right)
        anew = moved[:, place] & ~within
        from_left, from_right = (
            np.where(anew, mine[:, place], before) for mine, before in ((leading, from_left), (trailing, from_right))
        )
        wide = 64 - from_left - from_right
        told = (0b11 << 11) | (from_left << 6) | (wide & 63)
        pieces[:, place + 1, 2] = np.where(anew, told, np.where(moved[:, place], 0b10, 0))
        lengths[:, place + 1, 2] = np.where(anew, 13, np.where(moved[:, place], 2, 1))
        pieces[:, place + 1, 3] = changes[:, place] >> np.minimum(from_right, 63).astype(np.uint64)
        lengths[:, place + 1, 3] = np.where(moved[:, place], wide, 0)


def _varints(numbers: Integers) -> tuple[Bits, Integers]:
    """Numbers of at least 0 and below 2^56 as varints: the bytes as one number, and how many bits."""
    found = np.zeros(numbers.shape, dtype=np.uint64)
    length = np.zeros(numbers.shape, dtype=np.int64)
    rest, goes_on = numbers.copy(), np.ones(numbers.shape, dtype=bool)
    while goes_on.any():
        more = rest > 0x7F
        byte = (rest & 0x7F | np.where(more, 0x80, 0)).astype(np.uint64)
        found = np.where(goes_on, found << np.uint64(8) | byte, found)
        length += np.where(goes_on, 8, 0)
        rest, goes_on = rest >> 7, goes_on & more
    return found, length


def _leading_zeros(numbers: Bits) -> Integers:
    filled = numbers.copy()
    for step in (1, 2, 4, 8, 16, 32):
        filled |= filled >> np.uint64(step)
    return 64 - np.bitwise_count(filled).astype(np.int64)


def _trailing_zeros(numbers: Bits) -> Integers:
    return np.bitwise_count(~numbers & (numbers - np.uint64(1))).astype(np.int64)


def _joined(pieces: Bits, lengths: Integers) -> Iterator[bytes]:
    """Of each row its pieces' lowest bits, one after the other, the last byte filled up with zeros."""
    ends = np.cumsum(lengths, axis=1)
    bits = ends[:, -1]
    rows = -(-bits // 64)
    first = np.cumsum(rows) - rows
    begins = ends - lengths + 64 * first[:, None]
    words = np.zeros(int(rows.sum()) + 1, dtype=np.uint64)
    used = lengths > 0
    length, begin = lengths[used], begins[used]
    piece = pieces[used] & (np.uint64(2**64 - 1) >> (64 - length).astype(np.uint64))
    over = (begin & 63) + length - 64  # bits that go into the next word
    left = np.maximum(-over, 0).astype(np.uint64)
    right = np.maximum(over, 0).astype(np.uint64)
    np.bitwise_or.at(words, begin >> 6, piece << left >> right)
    spilt = over > 0
    np.bitwise_or.at(words, (begin[spilt] >> 6) + 1, piece[spilt] << (64 - over[spilt]).astype(np.uint64))
    raw = words.astype(">u8").tobytes()
    for place, size in zip((8 * first).tolist(), bits.tolist(), strict=True):
        yield raw[place : place + -(-size // 8)]
