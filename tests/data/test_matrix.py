"""The matrix: one regular grid, gaps stay NaN."""

import numpy as np
import pytest

from datasource.data import Entity, Matrix, Variable, empty_matrix

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


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Matrix((A,), 0, 30, np.zeros((2, 3)))


def test_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        matrix({A: [1, 2]}).values[0, 0] = 5
    assert empty_matrix(0, 30).end == -30
