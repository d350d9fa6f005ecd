"""Rows find their places on a grid, and years between them cost nothing."""

import numpy as np

from datasource.numerics import closed_up, on_grid


def test_missing_places_are_zero_and_rows_of_one_place_are_summed():
    assert on_grid(np.array([1.0, 2.0, 4.0]), np.array([7, 7, 9])).tolist() == [3.0, 0.0, 4.0]


def test_ordinary_gaps_keep_their_length():
    places = np.array([5, 6, 7, 20, 21])
    assert closed_up(places).tolist() == [0, 1, 2, 15, 16]


def test_a_gap_of_years_is_shortened_and_neighbours_stay_neighbours():
    places = np.concatenate([np.arange(100), 3_000_000_000 + np.arange(100)])
    closed = closed_up(places)
    assert closed[-1] < 20 * len(places)
    assert (np.diff(closed) == 1).sum() == 198
    assert closed[100] - closed[99] == 1000


def test_rows_that_all_lie_far_apart_take_a_grid_in_proportion_to_them():
    places = np.repeat(np.arange(500) * 1_000_000, 2)[::-1]
    closed = closed_up(places)
    assert closed.max() <= 20 * 500
    assert (np.diff(closed) <= 0).all()
    assert len(np.unique(closed)) == 500
