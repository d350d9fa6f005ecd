"""All checks of an estimate, the traffic light and the sentence."""

import time
from collections import Counter

import numpy as np
import pytest
from check_studies import LINEAR, SEEDS, Careless, checked, plain, rows, series

from datasource.effects.checks import run_checks, summary, traffic_light, window_check
from datasource.effects.methods import ESTIMATORS
from datasource.effects.result import NO_ESTIMATE, Answer, Check, Comparison, Estimate

HOLDS, FAILS, UNKNOWN = Check("overlap", True, ""), Check("overlap", False, ""), Check("overlap", None, "")


@pytest.mark.parametrize(
    "sound",
    [
        series,
        rows,
        lambda seed: rows(seed, binary=True),
        lambda seed: series(seed, lags=2),
        lambda seed: series(seed, n=300, units=3),
    ],
)
def test_sound_studies_are_green(sound):
    lights = Counter(traffic_light(checked(sound(seed)).values()) for seed in SEEDS)
    assert lights["green"] >= 8
    assert lights["red"] <= 1


def test_a_default_study_is_checked_within_a_second():
    study = series(1, n=2880, controls=10)
    answer = LINEAR.estimate(study)
    began = time.process_time()
    checks = run_checks(study, LINEAR, answer)
    assert time.process_time() - began < 1.5
    assert len(checks) == 12


@pytest.mark.parametrize(("package", "most"), [("", 30), ("numpy", 6)])
def test_a_slow_method_is_asked_only_a_few_times(package, most):
    asked = []

    class Counting(Careless):
        def estimate(self, study):
            asked.append(study)
            return super().estimate(study)

    study = rows(1)
    answer = LINEAR.estimate(study)
    checks = run_checks(study, Counting(*LINEAR._replace(package=package)), answer)
    assert 0 < len(asked) <= most
    assert traffic_light(checks) == "green"


def test_the_methods_own_checks_come_first_and_are_not_repeated():
    study, own = rows(1), Check("overlap", False, "of the method")
    checks = run_checks(study, LINEAR, Answer(LINEAR.estimate(study).effect, study.n, checks=(own,)))
    assert checks[0] == own
    assert [check.name for check in checks].count("overlap") == 1


@pytest.mark.parametrize(
    "column",
    [
        np.ones(200),
        1e12 + np.arange(200.0),
        1e12 * np.random.default_rng(1).normal(size=200),
        (np.arange(200) == 7).astype(float),
        np.arange(200) % 2.0,
    ],
)
@pytest.mark.parametrize("in_time", [True, False])
def test_dirt_never_raises(column, in_time):
    rng = np.random.default_rng(2)
    y, z = rng.normal(size=200), rng.normal(size=(200, 1))
    for adjusted in (z, np.column_stack([z, z]), np.column_stack([column, z]), np.ones((200, 1))):
        for study in (plain(y, column, adjusted, in_time), plain(column, y, adjusted, in_time)):
            for answer in (Answer(Estimate(1.0, 0.5, 1.5, 0.0), 200), Answer(NO_ESTIMATE, 200)):
                checks = run_checks(study, LINEAR, answer)
                assert all(check.text for check in checks)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5])
def test_a_handful_of_rows_never_raises(n):
    rng = np.random.default_rng(1)
    for in_time in (True, False):
        study = plain(*rng.normal(size=(2, 9)), rng.normal(size=(9, 2)), in_time).take(np.arange(n))
        checks = run_checks(study, LINEAR, Answer(Estimate(1.0, 0.5, 1.5, 0.0), n))
        assert {check.name: check.passed for check in checks}["too few points"] is False
        assert traffic_light(checks) == "red"


def test_without_an_estimate_only_the_points_are_counted():
    made = {check.name: check for check in run_checks(rows(1), LINEAR, Answer(NO_ESTIMATE, 600))}
    assert made.pop("too few points").passed
    assert {check.text for check in made.values()} == {"there is no estimate to check"}


def test_a_comparison_counts_the_times_before():
    times = np.arange(30)
    flat = np.zeros(30)
    comparison = Comparison(times, flat, flat, flat, flat, flat, 4, Estimate(1, 0, 2), Estimate(1, 0, 2))
    answer = Answer(Estimate(1.0, 0.5, 1.5, 0.0), 60, comparison=comparison)
    (check,) = run_checks(series(1), ESTIMATORS["synthetic_control"], answer)
    assert check == Check("too few points", False, "only 4 times before the intervention; give at least 10, better 100")
    assert run_checks(series(1), ESTIMATORS["difference_in_differences"], answer) == ()


def test_the_light():
    assert traffic_light([]) == "grey"
    assert traffic_light([UNKNOWN]) == "grey"
    assert traffic_light([UNKNOWN, HOLDS]) == "green"
    assert traffic_light([HOLDS, FAILS]) == "yellow"
    assert traffic_light([HOLDS, FAILS, window_check("10m against 1m")]) == "red"
    assert traffic_light([window_check("")]) == "green"


def test_the_sentence():
    assert summary([]) == summary([UNKNOWN]) == "no check could be made"
    assert summary([HOLDS, UNKNOWN]) == "1 check holds"
    assert summary([HOLDS, HOLDS]) == "all 2 checks hold"
    assert summary([HOLDS, FAILS]) == "1 of 2 checks hold; overlap fails"
    assert summary([HOLDS, FAILS, window_check("x")]) == "1 of 3 checks hold; overlap and window mismatch fail"
