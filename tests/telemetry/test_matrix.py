"""The matrix: one regular grid, gaps stay NaN, newer samples win."""

import numpy as np
import pytest

from datasource.telemetry import Entity, Matrix, Variable, empty_matrix

A = Variable(Entity("service", (("service", "a"),)), "latency")
B = Variable(Entity("service", (("service", "b"),)), "latency")
NAN = float("nan")


def matrix(rows: dict[Variable, list[float]], start: int = 0) -> Matrix:
    return Matrix(tuple(rows), start, 30, np.array(list(rows.values()), dtype=float))


def test_times_are_regular_and_rows_are_found_by_variable() -> None:
    one = matrix({A: [1, 2, 3], B: [4, NAN, 6]}, start=60)
    assert list(one.times) == [60, 90, 120]
    assert one.end == 120
    assert np.isnan(one.row(B)[1])
    assert A in one
    with pytest.raises(KeyError):
        one.row(A._replace(signal="cpu"))


def test_between_cuts_on_the_grid() -> None:
    one = matrix({A: [0, 1, 2, 3, 4]})
    assert list(one.between(30, 90).row(A)) == [1, 2, 3]
    assert list(one.between(31, 89).row(A)) == [2]
    assert one.between(500, 600).values.shape == (1, 0)
    assert one.between(-100, -50).values.shape == (1, 0)


def test_newer_columns_replace_and_extend_and_the_oldest_go() -> None:
    old = matrix({A: [1, 2, 3, 4]})
    new = matrix({A: [30, 40, 50]}, start=60)
    both = old.updated(new, keep=4)
    assert both.start == 30
    assert list(both.row(A)) == [2, 30, 40, 50]


def test_a_new_entity_appears_and_one_without_samples_vanishes() -> None:
    old = matrix({A: [1, 2, 3, 4]})
    both = old.updated(matrix({B: [7, 8]}, start=120), keep=4)
    assert np.array_equal(both.row(A), [3, 4, NAN, NAN], equal_nan=True)
    assert np.array_equal(both.row(B), [NAN, NAN, 7, 8], equal_nan=True)
    later = both.updated(matrix({B: [9, 10, 11, 12]}, start=180), keep=4)
    assert A not in later


def test_a_sample_that_was_read_again_and_is_gone_is_gone() -> None:
    both = matrix({A: [1, 2, 3]}).updated(matrix({A: [NAN, 5]}, start=60), keep=10)
    assert np.array_equal(both.row(A), [1, 2, NAN, 5], equal_nan=True)


def test_a_gap_between_two_reads_stays_a_gap() -> None:
    both = matrix({A: [1, 2]}).updated(matrix({A: [9]}, start=120), keep=10)
    assert np.array_equal(both.row(A), [1, 2, NAN, NAN, 9], equal_nan=True)


def test_shapes_and_steps_must_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Matrix((A,), 0, 30, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="does not continue"):
        matrix({A: [1]}).updated(Matrix((A,), 0, 60, np.zeros((1, 1))), keep=5)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        matrix({A: [1, 2]}).values[0, 0] = 5
    assert empty_matrix(0, 30).end == -30
