"""Like rows with and without the treatment, and enough of them."""

import numpy as np
import pytest
from check_studies import autoregressive, checked, outcomes, plain, rows, series

from datasource.effects.checks.overlap import propensity
from datasource.effects.methods import ESTIMATORS


def separated(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=500)
    x = (z + 0.2 * rng.normal(size=500) > 0).astype(float)
    return plain(x + z + rng.normal(size=500), x, z[:, None])


def bound(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=500)
    x = z + 0.1 * rng.normal(size=500)
    return plain(x + z + rng.normal(size=500), x, z[:, None])


@pytest.mark.parametrize("sound", [series, rows, lambda seed: rows(seed, binary=True)])
def test_sound_studies_overlap_and_have_points_enough(sound):
    assert outcomes("overlap", sound)[True] >= 9
    assert outcomes("too few points", sound)[True] >= 9


@pytest.mark.parametrize("broken", [separated, bound])
def test_a_treatment_that_the_adjustment_set_decides_does_not_overlap(broken):
    assert outcomes("overlap", broken)[False] >= 9


def test_propensity_scores_are_those_of_statsmodels():
    import statsmodels.api as sm

    study = rows(1, binary=True)
    known = sm.Logit(study.treatment[:, 0], sm.add_constant(study.controls)).fit(disp=0).predict()
    assert propensity(study.treatment[:, 0] == 1, study.controls) == pytest.approx(known, abs=1e-6)


def test_without_an_adjustment_set_overlap_is_no_question():
    assert "overlap" not in checked(rows(1, controls=0))


def test_ten_rows_for_each_coefficient():
    check = checked(rows(1, n=60, controls=8))["too few points"]
    assert check.passed is False
    assert check.text == "60 rows for 10 coefficients; give at least 100 rows, or adjust for less"


def test_many_rows_that_are_all_alike_are_few():
    rng = np.random.default_rng(1)
    walks = plain(autoregressive(rng, 1000, 1.0), autoregressive(rng, 1000, 1.0), in_time=True)
    assert checked(walks)["too few points"].passed is False
    assert checked(walks, ESTIMATORS["backdoor.distributed_lag"])["too few points"].passed


def test_an_event_that_happened_once_is_one_point():
    x = (np.arange(1000) > 500).astype(float)
    check = checked(plain(x + np.random.default_rng(1).normal(size=1000), x, in_time=True))["too few points"]
    assert check.passed is False
    assert "restarts went on or off 1 times" in check.text
    assert "difference_in_differences" in check.text


def test_a_value_of_a_few_rows_is_too_few():
    x = (np.arange(500) < 4).astype(float)
    check = checked(plain(x + np.random.default_rng(1).normal(size=500), x))["too few points"]
    assert check.passed is False
    assert "restarts is 1 in 4 rows only" in check.text
