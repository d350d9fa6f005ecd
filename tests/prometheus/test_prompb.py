"""Remote read on the wire: chunks as Prometheus itself writes them, checksums, frames."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import requests
from chunked import Chunk, frames_of, parts_of, points_of, slow_crc32c
from hypothesis import given
from hypothesis import strategies as st

from datasource.data import Floats
from datasource.demo.processes import start_prometheus
from datasource.prometheus.prompb import ReadSeries, streamed_response
from datasource.prometheus.prompb.chunks import CHUNK, Integers, xor_chunks
from datasource.prometheus.prompb.crc32c import crc32c
from datasource.prometheus.prompb.protobuf import field, number_field
from datasource.prometheus.prompb.snappy import pack

START = 1_700_000_000_000
Series = tuple[Integers, Floats]


def read_back(series: Sequence[Series]) -> list[list[tuple[int, float]]]:
    """What a reader makes of the chunks of each series."""
    return [
        [point for one in chunks for point in points_of(Chunk(one.start, one.end, 1, one.data))]
        for chunks in xor_chunks(series)
    ]


def given_points(series: Sequence[Series]) -> list[list[tuple[int, float]]]:
    return [list(zip(times.tolist(), values.tolist(), strict=True)) for times, values in series]


NUMBERS = st.floats(allow_nan=False) | st.sampled_from([0.0, 1.0, 1.5, -1.0, 1e-300, 2.0**53])
LENGTHS = st.integers(0, 2**13) | st.sampled_from([1, 15_000, 30_000, 2**16, 2**19, 2**20, 2**25])


@given(st.lists(st.lists(st.tuples(LENGTHS, NUMBERS), max_size=2 * CHUNK + 5), max_size=6))
def test_what_was_written_is_read(drawn: list[list[tuple[int, float]]]) -> None:
    series = [
        (START + np.cumsum(np.array([gap for gap, _ in one], dtype=np.int64)), np.array([value for _, value in one]))
        for one in drawn
    ]
    assert read_back(series) == given_points(series)


@pytest.mark.parametrize(
    "change", [sign * (2**width + off) for width in (13, 16, 19, 40) for off in (-1, 0, 1) for sign in (1, -1)]
)
def test_every_width_of_a_distance_holds_what_it_is_for(change: int) -> None:
    times = START + np.array([0, 2**41, 2**42 + change])
    assert read_back([(times, np.ones(3))]) == given_points([(times, np.ones(3))])


def test_batches_join_where_they_meet() -> None:
    rng = np.random.default_rng(5)
    series = [(START + 1000 * np.arange(n), rng.normal(size=n)) for n in rng.integers(0, 300, size=900)]
    assert read_back(series) == given_points(series)


@given(st.binary(max_size=3000))
def test_checksums_are_those_of_the_definition(data: bytes) -> None:
    assert crc32c(data) == slow_crc32c(data)


def test_long_answers_are_cut_into_frames_that_go_on_with_the_same_series() -> None:
    rng = np.random.default_rng(1)
    times = START + 1000 * np.arange(100_000)
    first, second = rng.normal(size=(2, times.size))
    body = streamed_response(
        [[ReadSeries({"a": "2", "b": ""}, times, second), ReadSeries({"a": "1"}, times, first)], []]
    )
    sizes = [len(frame) for frame in frames_of(body)]
    assert len(sizes) > 1
    assert max(sizes) < 1.1 * 1024 * 1024
    found: dict[tuple[tuple[str, str], ...], list[tuple[int, float]]] = {}
    for part in parts_of(body):
        assert part.query == 0
        assert not found or [*found][-1] <= part.labels
        found.setdefault(part.labels, []).extend(point for chunk in part.chunks for point in points_of(chunk))
    assert found == {
        (("a", "1"),): list(zip(times.tolist(), first.tolist(), strict=True)),
        (("a", "2"),): list(zip(times.tolist(), second.tolist(), strict=True)),
    }


def test_points_without_a_number_are_left_out_and_series_without_points() -> None:
    times = START + 1000 * np.arange(3)
    body = streamed_response(
        [
            [],
            [ReadSeries({"a": "1"}, times, np.array([1.0, np.nan, np.inf])), ReadSeries({}, times, np.full(3, np.nan))],
        ]
    )
    (part,) = parts_of(body)
    assert (part.query, [points_of(one) for one in part.chunks]) == (1, [[(START, 1.0)]])


def test_chunks_are_those_of_prometheus_bit_for_bit(server_binary: Callable[[str], str], tmp_path: Path) -> None:
    """A real Prometheus answers remote_read with chunks of its own: the same samples give the same bytes."""
    rng = np.random.default_rng(7)
    steps = np.arange(700)
    shapes = {
        "steady": np.full(steps.size, 4.25),
        "counting": steps.astype(float),
        "noisy": rng.normal(size=steps.size),
        "rounded": np.round(rng.normal(0.2, 0.1, steps.size), 3),
        "jumping": np.where(steps % 50 < 3, -1e9, 1.0) + rng.integers(0, 2, steps.size),
        "far": 10.0 ** rng.uniform(-300, 300, steps.size),
    }
    jitter = {"noisy": 40, "rounded": 9_000, "jumping": 29_000}
    lines = ["# TYPE given gauge"]
    for shape, values in shapes.items():
        times = START // 1000 + 30 * steps + np.sort(rng.integers(0, jitter.get(shape, 1), steps.size)) / 1000
        lines += [
            f'given{{shape="{shape}"}} {value!r} {time:.3f}'
            for value, time in zip(values.tolist(), times.tolist(), strict=True)
        ]
    file = tmp_path / "given.om"
    file.write_text("\n".join([*lines, "# EOF", ""]))
    server = start_prometheus(server_binary("prometheus"), tmp_path / "server", backfill=file)
    try:
        matcher = field(3, number_field(1, 0) + field(2, b"__name__") + field(3, b"given"))
        query = number_field(1, START) + number_field(2, START + 10**9) + matcher
        answer = requests.post(
            f"{server.url}/api/v1/read",
            data=pack(field(1, query) + field(2, b"\x01")),
            headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
            timeout=20,
        )
    finally:
        server.stop()
    assert answer.status_code == 200, answer.text
    parts = [*parts_of(answer.content)]
    assert {dict(part.labels)["shape"] for part in parts} == shapes.keys()
    chunks = [chunk for part in parts for chunk in part.chunks]
    assert len(chunks) > 20
    for chunk in chunks:
        points = points_of(chunk)
        times, values = np.array([time for time, _ in points]), np.array([value for _, value in points])
        ((ours,),) = xor_chunks([(times, values)])
        assert chunk.data in (ours.data, ours.data + b"\0")
