"""One series before and after: the change of level and trend, with autocorrelated errors."""

import numpy as np
import pytest
import statsmodels.api as sm
from known_panels import autoregressive, covers

from datasource.effects.estimators.interrupted_time_series import interrupted_time_series
from datasource.effects.study import Study, StudyError, lay_out

N, BEGAN = 400, 300
LEVEL, TREND = 2.0, 0.03
AVERAGE = LEVEL + TREND * (N - BEGAN - 1) / 2
TIMES = np.arange(N)
ON = (TIMES >= BEGAN).astype(float)


def series(seed: int, memory: float = 0.5) -> np.ndarray:
    errors = autoregressive(np.random.default_rng(seed), N, memory)
    return 5 + 0.01 * TIMES + errors + ON * (LEVEL + TREND * (TIMES - BEGAN))


def study(outcome: np.ndarray, on: np.ndarray = ON, **columns: np.ndarray) -> Study:
    return lay_out(outcome, on, columns, times=np.arange(len(outcome)))


def segmented() -> np.ndarray:
    """The design of segmented regression: level, trend, and their changes."""
    return np.column_stack([np.ones(N), TIMES, ON, ON * (TIMES - BEGAN)])


def test_level_and_trend_change_as_statsmodels_says():
    outcome = series(0)
    answer = interrupted_time_series(study(outcome))
    theirs = sm.OLS(outcome, segmented()).fit().params
    assert [group.effect.value for group in answer.groups] == pytest.approx(theirs[2:])
    assert answer.effect.value == pytest.approx(theirs[2] + theirs[3] * (N - BEGAN - 1) / 2)


def test_intervals_are_about_as_wide_as_those_of_generalised_least_squares():
    ratios = []
    for seed in range(20):
        outcome = series(seed)
        theirs = sm.GLSAR(outcome, segmented(), rho=1).iterative_fit(maxiter=10)
        groups = interrupted_time_series(study(outcome)).groups
        widths = np.array([group.effect.upper - group.effect.lower for group in groups])
        ratios.append(widths / np.diff(theirs.conf_int()[2:], axis=1)[:, 0])
    assert (np.median(ratios, axis=0) > 0.8).all()
    assert (np.median(ratios, axis=0) < 1.5).all()


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_intervals_hold_the_truth_on_autocorrelated_series(memory):
    held = []
    for seed in range(40):
        answer = interrupted_time_series(study(series(seed, memory)))
        parts = [answer.effect, *(group.effect for group in answer.groups)]
        held.append([covers(one, truth) for one, truth in zip(parts, (AVERAGE, LEVEL, TREND), strict=True)])
    assert (np.mean(held, axis=0) >= 0.88).all()


def test_independent_errors_would_promise_too_much():
    naive = []
    for seed in range(40):
        interval = sm.OLS(series(seed, 0.9), segmented()).fit().conf_int()[2]
        naive.append(interval[0] <= LEVEL <= interval[1])
    assert np.mean(naive) < 0.7


def test_what_is_adjusted_for_narrows_the_interval_and_does_not_bias():
    load = autoregressive(np.random.default_rng(99), N, 0.9)
    held = []
    for seed in range(20):
        outcome = series(seed) + 3 * load
        bare, adjusted = interrupted_time_series(study(outcome)), interrupted_time_series(study(outcome, load=load))
        held.append(covers(adjusted.effect, AVERAGE))
        assert adjusted.effect.upper - adjusted.effect.lower < 0.5 * (bare.effect.upper - bare.effect.lower)
    assert np.mean(held) >= 0.85


def test_what_would_have_been_goes_on_with_the_trend():
    comparison = interrupted_time_series(study(series(0))).comparison
    assert comparison is not None
    assert comparison.counterfactual == pytest.approx(5 + 0.01 * TIMES, abs=1)
    assert comparison.began == BEGAN
    assert comparison.cumulative.value == pytest.approx(comparison.average.value * (N - BEGAN))


def test_a_change_before_the_start_fails_the_placebo_dates():
    outcome = series(0) + 6 * (TIMES >= 200)
    checks = {one.name: one for one in interrupted_time_series(study(outcome)).checks}
    assert checks["placebo dates"].passed is False
    sound = [interrupted_time_series(study(series(seed))).checks[1].passed for seed in range(20)]
    assert np.mean(sound) >= 0.85


def test_a_series_that_drifts_says_that_its_trend_says_little():
    drifting = np.cumsum(np.random.default_rng(3).normal(size=N))
    assert interrupted_time_series(study(drifting)).checks[0].passed is False
    assert interrupted_time_series(study(series(0))).checks[0].passed is True


def test_rows_after_the_end_are_left_out_and_said():
    on = ((TIMES >= BEGAN) & (TIMES < 360)).astype(float)
    outcome = 5 + autoregressive(np.random.default_rng(0), N, 0.5) + LEVEL * on
    answer = interrupted_time_series(study(outcome, on))
    assert covers(answer.effect, LEVEL)
    assert answer.n == 360
    assert answer.notices == ("40 rows after the end are left out",)


def test_a_column_that_is_constant_before_the_start_is_not_adjusted_for():
    answer = interrupted_time_series(study(series(0), flag=ON))
    assert answer.effect.value == pytest.approx(interrupted_time_series(study(series(0))).effect.value)
    assert answer.notices == ("not adjusted for, constant before the start: flag",)


def test_an_exact_trend_has_no_interval():
    answer = interrupted_time_series(study(5 + 0.5 * TIMES + LEVEL * ON))
    assert answer.effect.value == pytest.approx(LEVEL)
    assert np.isnan(answer.effect.lower)


def test_a_single_time_after_the_start_has_a_level_alone():
    answer = interrupted_time_series(study(series(0)[: BEGAN + 1], ON[: BEGAN + 1]))
    assert [group.level for group in answer.groups] == ["change of the level"]
    assert answer.effect.value == pytest.approx(answer.groups[0].effect.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (study(series(0), (TIMES // 50 % 2).astype(float)), "comes and goes"),
        (study(series(0)[BEGAN - 5 :], ON[BEGAN - 5 :]), "5 times before the start"),
        (study(series(0), 2.0 * TIMES), "a treatment with two values"),
        (lay_out(series(0), ON, {}), "give the column of times"),
        (lay_out(series(0), ON, {}, times=TIMES, units=TIMES % 2), "for one series, and there are 2 units"),
        (lay_out(series(0), ON, {}, times=TIMES // 2), "some rows share their time"),
    ],
)
def test_what_is_no_single_series_with_one_start_is_said(given, told):
    with pytest.raises(StudyError, match=told):
        interrupted_time_series(given)
