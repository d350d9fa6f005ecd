"""Residuals that follow each other, and effects that arrive after the lags that are counted."""

import numpy as np
import pytest
from check_studies import LINEAR, autoregressive, checked, outcomes, plain, rows, series

from datasource.effects.checks import run_checks
from datasource.effects.checks.delayed_effect import wald
from datasource.effects.checks.residual_autocorrelation import ljung_box
from datasource.effects.methods import ESTIMATORS
from datasource.numerics import glsar


def late(seed):
    rng = np.random.default_rng(seed)
    x = autoregressive(rng, 1000, 0.5)
    return plain(x + 0.5 * np.append([0, 0], x[:-2]) + autoregressive(rng, 1000, 0.5), x, in_time=True)


def walks(seed):
    rng = np.random.default_rng(seed)
    return plain(autoregressive(rng, 1000, 1.0), autoregressive(rng, 1000, 1.0), in_time=True)


def test_ljung_box_is_that_of_statsmodels():
    from statsmodels.stats.diagnostic import acorr_ljungbox

    residuals = autoregressive(np.random.default_rng(1), 300, 0.1)
    known = acorr_ljungbox(residuals, lags=[10]).iloc[0]
    found = ljung_box(residuals[None, :], 10)
    assert found.statistic == pytest.approx(known["lb_stat"], rel=1e-10)
    assert found.p_value == pytest.approx(known["lb_pvalue"], rel=1e-8)


def test_ljung_box_adds_up_over_units_and_bears_gaps():
    rng = np.random.default_rng(2)
    units = rng.normal(size=(5, 200))
    one = sum(ljung_box(unit[None, :], 10).statistic for unit in units)
    assert ljung_box(units, 10).statistic == pytest.approx(one)
    units[rng.random(units.shape) < 0.3] = np.nan
    assert 0.001 < ljung_box(units, 10).p_value < 1


def test_residuals_that_come_back_are_allowed_for():
    assert outcomes("residual autocorrelation", series)[True] >= 9
    check = checked(series(1))["residual autocorrelation"]
    assert "the interval allows for it" in check.text


def test_residuals_that_drift_with_the_treatment_are_not():
    assert outcomes("residual autocorrelation", walks)[False] >= 9
    assert "use backdoor.distributed_lag" in checked(walks(1))["residual autocorrelation"].text


def test_a_method_that_models_the_errors_bears_the_drift():
    assert checked(walks(1), ESTIMATORS["backdoor.distributed_lag"])["residual autocorrelation"].passed


def test_independent_rows_have_neither_check():
    assert not {"residual autocorrelation", "delayed effect"} & set(checked(rows(1)))


def test_effects_that_are_counted_are_over():
    assert outcomes("delayed effect", series)[True] >= 9
    assert outcomes("delayed effect", lambda seed: series(seed, n=300, units=4))[True] >= 9


def test_effects_that_arrive_later_are_told_with_the_lags_to_use():
    assert outcomes("delayed effect", late)[False] >= 9
    assert "effects arrive later too: 3 lags are better than 0" in checked(late(1))["delayed effect"].text
    x = np.array(late(1).treatment[:, 0])
    wide = plain(late(1).outcome[3:], np.column_stack([x[3:], x[2:-1], x[1:-2], x[:-3]]), in_time=True)
    assert checked(wide)["delayed effect"].passed


def test_one_step_says_nothing_about_delays():
    study = plain(np.random.default_rng(1).normal(size=400), (np.arange(400) > 200).astype(float), in_time=True)
    check = checked(study)["delayed effect"]
    assert check.passed is None
    assert "moves too rarely" in check.text


def test_the_joint_test_rejects_as_often_as_it_says():
    rejected = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        columns = np.column_stack([autoregressive(rng, 400, 0.8) for _ in range(3)])
        study = plain(autoregressive(rng, 400, 0.8), columns, in_time=True)
        rejected += wald(glsar(study.outcome, columns, 5), study, 3) < 0.05
    assert 1 <= rejected <= 12


def test_a_delayed_effect_is_not_looked_for_where_a_regression_is_confounded():
    rng = np.random.default_rng(1)
    z, u = rng.normal(size=(2, 500))
    study = plain(z + 2 * u + rng.normal(size=500), z + u, in_time=True)
    answer = LINEAR.estimate(study)
    names = {check.name for check in run_checks(study, LINEAR._replace(identified_by="front-door"), answer)}
    assert "delayed effect" not in names
