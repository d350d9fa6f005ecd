"""A cutoff that decides who is treated: the jump at it, with intervals that count the bias in."""

import numpy as np
import pytest
from known_panels import check, covers

from datasource.effects.estimators.regression_discontinuity import regression_discontinuity
from datasource.effects.study import StudyError, lay_out

JUMP = 0.04


def lee(x: np.ndarray) -> np.ndarray:
    """The curve of Lee's (2008) elections, the first model of Calonico, Cattaneo and Titiunik (2014)."""
    left = 0.48 + 1.27 * x + 7.18 * x**2 + 20.21 * x**3 + 21.54 * x**4 + 7.33 * x**5
    right = 0.52 + 0.84 * x - 3.00 * x**2 + 7.99 * x**3 - 9.01 * x**4 + 3.56 * x**5
    return np.where(x < 0, left, right)


def elections(seed: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = 2 * rng.beta(2, 4, n) - 1
    return x, lee(x) + rng.normal(0, 0.1295, n)


def answer(x: np.ndarray, y: np.ndarray, treated: np.ndarray | None = None):
    on = x >= 0 if treated is None else treated
    return regression_discontinuity(lay_out(y, on.astype(float), {"score": x}))


def test_intervals_hold_the_jump_where_the_curve_bends():
    held = [covers(answer(*elections(seed)).effect, JUMP) for seed in range(80)]
    assert np.mean(held) >= 0.88


def test_the_estimate_is_that_of_rdrobust():
    """rdrobust 2.1.1 with its defaults (mserd, triangular, three neighbours), on the same numbers."""
    theirs = {0: (0.07087741, 0.2091317), 1: (0.06921726, 0.19728441), 2: (0.05373146, 0.14807313)}
    for seed, (value, bandwidth) in theirs.items():
        found = answer(*elections(seed))
        assert found.effect.value == pytest.approx(value, abs=0.012)
        assert float(found.notices[0].partition("within ")[2].split()[0]) == pytest.approx(bandwidth, rel=0.1)


def test_a_straight_line_through_everything_would_miss():
    missed = []
    for seed in range(20):
        x, y = elections(seed, 5000)
        on = (x >= 0).astype(float)
        design = np.column_stack([np.ones(len(x)), on, x, on * x])
        missed.append(abs(np.linalg.lstsq(design, y, rcond=None)[0][1] - JUMP))
    ours = [abs(answer(*elections(seed, 5000)).effect.value - JUMP) for seed in range(20)]
    assert np.median(missed) > 2 * np.median(ours)


def test_the_treated_may_be_below_the_cutoff_and_units_do_not_matter():
    x, y = elections(3)
    there = answer(x, y).effect
    mirrored = answer(-x, y, x >= 0).effect
    assert mirrored.value == pytest.approx(there.value)
    scaled = answer(1000 * x, 50 * y).effect
    assert scaled.value == pytest.approx(50 * there.value)
    assert scaled.upper == pytest.approx(50 * there.upper)


def test_without_a_jump_the_interval_holds_0():
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.uniform(-1, 1, 400)
        held.append(covers(answer(x, np.sin(2 * x) + rng.normal(0, 0.3, 400)).effect, 0))
    assert np.mean(held) >= 0.88


def test_whole_numbers_and_a_steep_density_are_no_heap():
    passed = []
    for seed in range(20):
        x, y = elections(seed, 20_000)
        whole = np.floor(200 * x)
        passed.append([check(answer(one, y, x >= 0), "density at the cutoff").passed for one in (x, whole)])
    assert (np.mean(passed, axis=0) >= 0.9).all()


def test_rows_that_heap_up_on_one_side_are_told():
    x, y = elections(0, 2000)
    assert check(answer(x, y), "density at the cutoff").passed is True
    moved = np.where((x < 0) & (x > -0.08), -x, x)
    assert check(answer(moved, y), "density at the cutoff").passed is False


@pytest.mark.parametrize(
    ("columns", "treated", "told"),
    [
        ({}, "sharp", "needs one column with --adjust"),
        ({"a": 1.0, "b": 2.0}, "sharp", "needs one column with --adjust"),
        ({"score": 1.0}, "fuzzy", "no value of score divides"),
        ({"score": 1.0}, "numeric", "a treatment with two values"),
        ({"score": 1.0}, "rare", "values of score with treatment; give at least 20"),
    ],
)
def test_what_has_no_cutoff_is_said(columns, treated, told):
    x, y = elections(0)
    rng = np.random.default_rng(1)
    on = {"sharp": x >= 0, "fuzzy": rng.random(500) < 0.5, "numeric": x, "rare": x >= np.sort(x)[-5]}[treated]
    with pytest.raises(StudyError, match=told):
        regression_discontinuity(lay_out(y, on.astype(float), {name: x * by for name, by in columns.items()}))
