"""All rolling windows at once give what each window gives alone."""

import numpy as np
import pytest

from datasource.effects.estimators.distributed_lag import Design, estimate_effect, rolling_effects

WINDOWS = [(0, 300), (100, 400), (155, 455), (220, 520), (300, 600), (0, 600)]


def design(seed: int, n: int = 600, lags: int = 1, feedback: bool = False, scale: float = 1.0, offset: float = 0.0):
    rng = np.random.default_rng(seed)
    z, own, error = rng.normal(size=(3, n))
    for row in (z, own, error):
        for t in range(1, n):
            row[t] += 0.9 * row[t - 1]
    x = 0.5 * z + own
    y = x + 0.5 * np.append(0, x[:-1]) + z + error
    columns = np.column_stack([z, x, *(np.append(np.full(lag, np.nan), x[:-lag]) for lag in range(1, lags + 1))])
    columns = columns * scale + offset
    return Design(y, columns, lags, np.isfinite(columns).all(axis=1), feedback)


def missing(whole: Design, rows: np.ndarray) -> Design:
    outcome = whole.outcome.copy()
    outcome[rows] = np.nan
    return Design(outcome, whole.columns, whole.lags, whole.complete & np.isfinite(outcome), whole.feedback)


def same(one: Design, window: int = 1, windows=WINDOWS):
    ours = rolling_effects(one, windows, window)
    alone = [estimate_effect(one.between(first, last), window).effect for first, last in windows]
    ours, alone = (np.array([(e.value, e.lower, e.upper, e.p_value) for e in found]) for found in (ours, alone))
    np.testing.assert_allclose(ours, alone, rtol=1e-8, atol=1e-12)
    return ours


@pytest.mark.parametrize("feedback", [False, True])
@pytest.mark.parametrize("lags", [0, 3])
def test_windows_equal_one_at_a_time(lags, feedback):
    assert np.isfinite(same(design(1, lags=lags, feedback=feedback))).all()


def test_a_signal_window_of_several_steps_counts():
    assert np.isfinite(same(design(2), window=40)).all()


@pytest.mark.parametrize("feedback", [False, True])
def test_gaps_count_as_they_do_alone(feedback):
    rows = np.concatenate([np.arange(120, 150), np.arange(0, 600, 41)])
    assert np.isfinite(same(missing(design(3, feedback=feedback), rows))).all()


def test_mostly_missing_rows_are_treated_as_they_are_alone():
    rng = np.random.default_rng(4)
    same(missing(design(4), np.flatnonzero(rng.random(600) < 0.4)))


@pytest.mark.parametrize(("scale", "offset"), [(1e12, 0.0), (1e-9, 0.0), (1.0, 1e6)])
def test_units_do_not_matter(scale, offset):
    same(design(5, scale=scale, offset=offset))


def test_columns_that_stand_still_in_some_windows():
    still = design(6, lags=0)
    still.columns[:350, 0] = 3.0
    restarts = design(7, lags=0)
    restarts.columns[:, 1] = 0.0
    restarts.columns[[410, 450, 470, 560], 1] = 1.0
    assert np.isfinite(same(still)).all()
    assert np.isnan(same(restarts)[0]).all()


def test_dependent_columns_and_a_perfect_fit():
    twice = design(8, lags=0)
    twice.columns[:, 0] = 2 * twice.columns[:, 1]
    same(twice)
    perfect = design(9, lags=0)
    same(Design(2 * perfect.columns[:, 1], perfect.columns, 0, perfect.complete))


def test_short_and_empty_windows_have_no_effect():
    found = same(design(10), windows=[(0, 0), (5, 6), (0, 20), (590, 600)])
    assert np.isnan(found).all()
    assert rolling_effects(design(10), []) == []
