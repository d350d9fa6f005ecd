"""What the benchmark of interventions promises, on fewer of them."""

import numpy as np
import pytest

from benchmarks.interventions import DESIGNS, judged, run

_RUNS = 30


@pytest.mark.parametrize("name", DESIGNS)
def test_intervals_hold_the_truth_and_placebo_dates_show_little(name: str) -> None:
    every = [run(DESIGNS[name], seed) for seed in range(_RUNS)]
    assert all(np.isfinite(one.found.average.lower) for one in every)
    holding = sum(one.found.average.lower <= one.truth <= one.found.average.upper for one in every)
    assert holding >= 26, "of 30 at 95%, fewer come once in 150 times"
    found = sum(one.found.placebo_found for one in every) / sum(one.found.placebo_dates for one in every)
    assert found <= 0.055


def test_an_hour_off_is_told_within_a_tenth_and_ten_milliseconds() -> None:
    every = [run(DESIGNS["an hour off, quiet"], seed) for seed in range(_RUNS)]
    assert np.median([abs(one.found.average.value / one.truth - 1) for one in every]) < 0.1
    assert max(one.found.average.upper - one.found.average.lower for one in every) < 10


def test_true_edges_are_confirmed_and_spurious_ones_are_not() -> None:
    found = [judged(seed) for seed in range(_RUNS)]
    assert all(true == "confirmed" for true, _ in found)
    assert sum(spurious == "refuted" for _, spurious in found) >= 0.6 * _RUNS
    assert all(spurious != "confirmed" for _, spurious in found)
