"""Decoding equals a plain JSON decode, however the answer is written; what is no matrix is refused in words."""

import gc
import json
import math
import threading
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasource.prometheus import PrometheusError, decode_matrix
from datasource.prometheus.collector import paused_collector
from datasource.prometheus.decode import Ahead

URL = "http://prometheus.test"
TRICKY = ['"values":[[', "]]", '","values":[[1,"2"]]', "\\", "é", "", 'a"b', "\n"]

numbers = st.one_of(
    st.floats().map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: format(x, ".17g")),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "Inf", "1e-7", "1E+300", "1e400", "-0", "5e-324", "1e-400", "00.10"]),
)
times = st.one_of(st.integers(0, 10**10), st.floats(0, 10**10).map(lambda x: round(x, 3)))
names = st.one_of(st.text(max_size=8), st.sampled_from(TRICKY))
series = st.fixed_dictionaries(
    {
        "metric": st.dictionaries(names, names, max_size=3),
        "values": st.lists(st.tuples(times, numbers), max_size=8),
    }
)
answers = st.fixed_dictionaries(
    {
        "status": st.just("success"),
        "data": st.fixed_dictionaries({"resultType": st.just("matrix"), "result": st.lists(series, max_size=5)}),
    },
    optional={"warnings": st.lists(names, max_size=2), "infos": st.lists(names, max_size=2)},
)


def body(answer: Any, compact: bool = True, ascii_only: bool = False) -> bytes:
    return json.dumps(answer, separators=(",", ":") if compact else None, ensure_ascii=ascii_only).encode()


def matrix(*values: Any, **more: Any) -> dict[str, Any]:
    result = [{"metric": {"service": "web"}, "values": list(values), **more}]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def ahead_of(text: bytes, part: int) -> Ahead:
    ahead = Ahead()
    for place in range(0, len(text), part):
        ahead.take(text[place : place + part])
    return ahead


@given(answers, st.booleans(), st.booleans(), st.one_of(st.none(), st.integers(1, 300)))
@settings(max_examples=500, deadline=None)
def test_it_equals_a_plain_decode(answer: Any, compact: bool, ascii_only: bool, part: int | None) -> None:
    """Also where it is read while it comes, in parts of any size."""
    text = body(answer, compact, ascii_only)
    decoded = decode_matrix(text, URL, ahead_of(text, part) if part else None)
    expected = json.loads(text)["data"]["result"]
    assert decoded.size == len(expected)
    assert set(decoded.warnings) == {*answer.get("warnings", ()), *answer.get("infos", ())}
    for found, one in zip(decoded.series, expected, strict=True):
        assert found.labels == one["metric"]
        assert found.times.tolist() == [float(t) for t, _ in one["values"]]
        plain = np.array([float(v) for _, v in one["values"]])
        assert np.array_equal(found.values.view(np.int64), plain.view(np.int64)) or (
            np.array_equal(found.values, plain, equal_nan=True)
            and np.array_equal(np.signbit(found.values), np.signbit(plain))
        )


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_anything_else_is_refused_and_never_breaks(text: bytes) -> None:
    with pytest.raises(PrometheusError) as error:
        list(decode_matrix(text, URL).series)
    assert error.value.kind == "not_json"


@given(answers, st.integers(0, 10**6), st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_a_body_that_was_cut_short_is_never_taken_for_a_whole_one(answer: Any, place: int, missing: int) -> None:
    text = body(answer)
    place = place % len(text)
    with pytest.raises(PrometheusError):
        list(decode_matrix(text[:place] + text[place + missing + len(text) :], URL).series)


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize(
    "value",
    ["0x1F", "1_000", " 1", "1,2", "", "infinity", "one", "1e", "--1", "1.2.3", "nan(1)", 1.5, None, True, ["1"]],
)
def test_a_value_that_is_no_number_is_refused(value: Any, compact: bool) -> None:
    with pytest.raises(PrometheusError, match="web") as error:
        list(decode_matrix(body(matrix([0, "1"], [30, value], [60, "3"]), compact), URL).series)
    assert error.value.kind == "not_json"


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ([1, 2, 3], "not_json", "no object"),
        ({"status": "success"}, "not_json", "no data"),
        ({"status": "success", "data": None}, "not_json", "no data"),
        ({"status": "success", "data": {"resultType": "vector", "result": []}}, "not_json", "is a vector"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}, "not_json", "is a scalar"),
        ({"status": "success", "data": {"resultType": "string", "result": [0, "x"]}}, "not_json", "is a string"),
        ({"status": "success", "data": {"resultType": "matrix", "result": {}}}, "not_json", "no list"),
        ({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}}]}}, "not_json", "no list"),
        ({"status": "success", "data": {"resultType": "matrix", "result": [1]}}, "not_json", "no labels"),
        ({"status": "error", "errorType": "execution", "error": "boom"}, "bad_query", "execution: boom"),
        (matrix(histograms=[[0, {"count": "1", "sum": "2"}]]), "bad_query", "histogram_quantile"),
        (matrix([0, "1"], histograms=[[0, {"count": "1", "sum": "2"}]]), "bad_query", "histogram_quantile"),
        (matrix([0, "1", "2"]), "not_json", "web"),
        (matrix("0"), "not_json", "web"),
        (matrix(["0", "1"]), "not_json", "web"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused_in_words(answer: Any, kind: str, says: str) -> None:
    for compact in (True, False):
        with pytest.raises(PrometheusError, match=says) as error:
            list(decode_matrix(body(answer, compact), URL).series)
        assert error.value.kind == kind
        assert URL in str(error.value)


def test_an_empty_answer_is_no_series() -> None:
    for result in ([], None):
        decoded = decode_matrix(body({"status": "success", "data": {"resultType": "matrix", "result": result}}), URL)
        assert (list(decoded.series), decoded.size) == ([], 0)


def test_what_the_server_remarked_is_handed_on() -> None:
    said = {"warnings": ["one store is away"], "infos": ["PromQL info: not a counter"], "isPartial": True}
    decoded = decode_matrix(body(matrix([0, "1"]) | said), URL)
    assert "one store is away" in decoded.warnings
    assert "PromQL info: not a counter" in decoded.warnings
    assert any("partial" in text for text in decoded.warnings)


def test_the_collector_is_paused_until_the_last_thread_is_done() -> None:
    inside, leave = threading.Event(), threading.Event()

    def decode() -> None:
        with paused_collector():
            inside.set()
            leave.wait(5)

    assert gc.isenabled()
    other = threading.Thread(target=decode)
    other.start()
    inside.wait(5)
    with pytest.raises(RuntimeError), paused_collector():
        raise RuntimeError
    assert not gc.isenabled()
    leave.set()
    other.join(5)
    assert gc.isenabled()
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_needs_no_more_memory_than_the_body() -> None:
    values = [[30 * i, repr(math.sin(i))] for i in range(20_000)]
    text = body(
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}] * 5}}
    )
    del values
    tracemalloc.start()
    count = sum(one.values.size for one in decode_matrix(text, URL).series)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 2 * len(text)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_what_is_read_while_it_comes_is_the_same_wherever_it_is_cut(size: int) -> None:
    one = matrix([0, "1"], [30, "NaN"], [60, "-2.5e3"])
    result = [{"metric": {"a": name}, "values": one["data"]["result"][0]["values"]} for name in "xyz"]
    text = body({"status": "success", "data": {"resultType": "matrix", "result": result}})
    ahead = ahead_of(text, size)
    assert ahead.of(text) is not None
    found, expected = (list(decode_matrix(text, URL, how).series) for how in (ahead, None))
    assert len(found) == len(expected) == 3
    for left, right in zip(found, expected, strict=True):
        assert left.labels == right.labels
        np.testing.assert_array_equal(left.times, right.times)
        np.testing.assert_array_equal(left.values, right.values)


def test_what_is_laid_out_in_another_way_or_was_begun_anew_is_read_as_a_whole() -> None:
    text = body(matrix([0, "1"], [30, "2"]), compact=False)
    ahead = Ahead()
    ahead.take(text)
    assert ahead.of(text) is None
    assert next(decode_matrix(text, URL, ahead).series).values.tolist() == [1.0, 2.0]
    other = body(matrix([0, "3"], [30, "4"]))
    ahead.take(other)
    assert ahead.of(other) is None
    ahead.begin()
    ahead.take(other)
    assert next(decode_matrix(other, URL, ahead).series).values.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("label", ['"values":[[1,"2"]]', "]]", '"values":[['])
def test_a_label_that_looks_like_values_is_none(label: str) -> None:
    text = body(
        {
            "status": "success",
            "data": {"resultType": "matrix", "result": [{"metric": {"a": label}, "values": [[0, "1"]]}]},
        }
    )
    ahead = Ahead()
    ahead.take(text)
    (series,) = decode_matrix(text, URL, ahead).series
    assert (series.labels, series.values.tolist()) == ({"a": label}, [1.0])
