"""An answer of STREAMED_XOR_CHUNKS: frames, each with its length and a checksum before it.

https://github.com/prometheus/prometheus/blob/main/storage/remote/chunked.go
"""

from collections.abc import Iterable, Iterator, Sequence

from datasource.prometheus.prompb.chunks import Chunk, xor_chunks
from datasource.prometheus.prompb.crc32c import crc32c
from datasource.prometheus.prompb.protobuf import field, number_field, varint
from datasource.prometheus.prompb.series import ReadSeries, label_pairs, packed_labels

CONTENT_TYPE = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
_FRAME = 1024 * 1024
"""Bytes of chunks after which a frame ends, as Prometheus' own (`--storage.remote.read-max-bytes-in-frame`)."""
_XOR = 1
"""Of Chunk.Encoding."""


def streamed_response(results: Iterable[Iterable[ReadSeries]]) -> bytes:
    """The body of an answer: for each query its series in the order of their labels, in frames of about a MiB."""
    return b"".join(
        _framed(frame + number_field(2, index))
        for index, result in enumerate(results)
        for frame in _frames([series.known() for series in result])
    )


def _frames(series: Sequence[ReadSeries]) -> Iterator[bytes]:
    """The field `chunked_series` of each frame; a series that is cut goes on in the next one, under its labels."""
    series = sorted((one for one in series if one.times.size), key=lambda one: label_pairs(one.labels))
    frame, size = b"", 0
    for one, chunks in zip(series, xor_chunks([(one.times, one.values) for one in series]), strict=True):
        labels = packed_labels(one.labels)
        parts = [labels]
        for chunk in chunks:
            parts.append(field(2, _chunk(chunk)))
            size += len(parts[-1])
            if size >= _FRAME:
                yield frame + field(1, b"".join(parts))
                frame, size, parts = b"", 0, [labels]
        if len(parts) > 1:
            frame += field(1, b"".join(parts))
            size += len(labels)
    if frame:
        yield frame


def _chunk(chunk: Chunk) -> bytes:
    return number_field(1, chunk.start) + number_field(2, chunk.end) + number_field(3, _XOR) + field(4, chunk.data)


def _framed(message: bytes) -> bytes:
    return varint(len(message)) + crc32c(message).to_bytes(4, "big") + message
