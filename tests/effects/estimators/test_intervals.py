"""Intervals follow how the rows came about: by time, by unit, by what units share."""

from dataclasses import replace

import numpy as np
import pytest
from confounded import autoregressive, covers

from datasource.effects.inference import estimate
from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import lay_out

TIMED = ("backdoor.distributed_lag", "backdoor.linear_regression", "backdoor.double_machine_learning")


def a_series(n: int = 400, times=None):
    rng = np.random.default_rng(1)
    z = rng.normal(size=n)
    x = z + rng.normal(size=n)
    return lay_out(2 * x + z + rng.normal(size=n), x, {"z": z}, times=np.arange(n) if times is None else times)


@pytest.mark.parametrize("method", TIMED)
def test_years_between_rows_cost_neither_memory_nor_the_answer(method):
    n = 400
    apart = np.where(np.arange(n) < n // 2, np.arange(n), np.arange(n) + 3_000_000_000)
    found, plain = (ESTIMATORS[method].estimate(a_series(n, times)).effect for times in (apart, None))
    assert found.value == pytest.approx(plain.value, abs=0.05)
    assert found.upper - found.lower == pytest.approx(plain.upper - plain.lower, rel=0.6)


@pytest.mark.parametrize("method", TIMED[1:])
def test_rows_of_one_time_have_a_width(method):
    found = ESTIMATORS[method].estimate(a_series(times=np.zeros(400, dtype=np.int64))).effect
    assert 0.1 < found.upper - found.lower < 1


def test_minutes_of_a_unit_that_was_assigned_whole_are_not_independent():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(100):
        units = np.repeat(np.arange(30), 50)
        assigned = (rng.permutation(30) < 15).astype(float)[units]
        outcome = rng.normal(size=30)[units] + 0.1 * rng.normal(size=1500)
        study = lay_out(outcome, assigned, {}, times=np.tile(np.arange(50), 30), units=units)
        held += covers(ESTIMATORS["difference_in_means"].estimate(study).effect, 0.0)
    assert held >= 90


def test_a_surge_that_all_units_share_widens_the_interval_of_many_units():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(60):
        x, y = (autoregressive(rng, 100)[:, None] + rng.normal(size=(100, 25)) for _ in range(2))
        study = lay_out(
            y.T.ravel(), x.T.ravel(), {}, times=np.tile(np.arange(100), 25), units=np.repeat(np.arange(25), 100)
        )
        held += covers(ESTIMATORS["backdoor.distributed_lag"].estimate(study).effect, 0.0)
    assert held >= 54


def test_many_units_are_the_clusters_whether_or_not_there_are_times():
    units = np.repeat(np.arange(40), 25)
    influence = np.random.default_rng(4).normal(size=40)[units] / 1000
    rows = lay_out(influence, influence, {}, units=units)
    timed = lay_out(influence, influence, {}, units=units, times=np.tile(np.arange(25), 40))
    alone = lay_out(influence, influence, {})
    widths = [one.upper - one.lower for one in (estimate(1.0, influence, study) for study in (rows, timed, alone))]
    assert widths[0] == pytest.approx(widths[1])
    assert widths[0] > 3 * widths[2]


@pytest.mark.parametrize("method", TIMED)
def test_a_method_that_feedback_biases_says_so(method):
    said = ESTIMATORS[method].estimate(replace(a_series(), feedback=True)).notices
    assert any("moves the treatment later on" in one for one in said) == (method != TIMED[0])


def test_many_units_over_few_times_say_what_they_cannot_judge():
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=(2, 1000))
    study = lay_out(y, x, {}, times=np.tile(np.arange(40), 25), units=np.repeat(np.arange(25), 40))
    said = [any("40 times are few" in one for one in ESTIMATORS[name].estimate(study).notices) for name in TIMED]
    assert said == [False, True, True]


def test_weights_of_few_rows_are_called_biased():
    rng = np.random.default_rng(6)
    z, events = rng.normal(size=1000), (np.arange(1000) % 30 == 0).astype(float)
    answer = ESTIMATORS["backdoor.propensity_score_weighting"].estimate(lay_out(z + events, events, {"z": z}))
    assert any("34 rows in one arm" in one for one in answer.notices)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("columns", [{}, {"z": np.full(300, 5.0)}])
def test_propensities_of_nothing_that_moves_are_the_mean(columns):
    rng = np.random.default_rng(7)
    arms = (rng.random(300) < 0.4).astype(float)
    study = lay_out(arms + rng.normal(size=300), arms, columns)
    weighted = ESTIMATORS["backdoor.propensity_score_weighting"].estimate(study).effect.value
    assert weighted == pytest.approx(ESTIMATORS["difference_in_means"].estimate(study).effect.value, abs=1e-4)
