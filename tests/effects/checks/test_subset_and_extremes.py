"""The estimate holds without a part of the rows, and without a few of them."""

import numpy as np
import pandas as pd
import pytest
from check_studies import checked, outcomes, plain, rows, series

from datasource.effects.checks.extreme_points import left_out_changes
from datasource.effects.checks.outcome_regression import outcome_regression


def changing(seed):
    """The effect ends after four fifths of the time."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=1500)
    return plain(np.where(np.arange(1500) < 1200, x, 0) + rng.normal(size=1500), x, in_time=True)


def one_row(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=500)
    y = x + rng.normal(size=500)
    x[0], y[0] = 100, -100
    return plain(y, x)


def one_incident(seed):
    """No effect; five minutes in which everything was high."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 1000))
    x[500:505] += 20
    y[500:505] += 20
    return plain(y, x, in_time=True)


@pytest.mark.parametrize("name", ["subset", "extreme points"])
@pytest.mark.parametrize("sound", [series, rows, lambda seed: series(seed, effect=0.0)])
def test_a_sound_estimate_holds_without_some_of_its_rows(name, sound):
    assert outcomes(name, sound)[True] >= 9


def test_an_effect_that_ends_does_not_hold_for_a_part_and_the_part_is_named():
    assert outcomes("subset", changing)[False] >= 9
    assert "without the last fifth of the time" in checked(changing(0))["subset"].text


def test_too_few_rows_to_leave_a_part_out_is_told():
    check = checked(rows(0, n=30, controls=0))["subset"]
    assert check.passed is None
    assert "give at least 50" in check.text


@pytest.mark.parametrize("broken", [one_row, one_incident])
def test_an_estimate_that_a_few_rows_make_falls_without_them(broken):
    assert outcomes("extreme points", broken)[False] >= 9


def test_a_rare_event_is_not_taken_for_extreme():
    def rare(seed):
        rng = np.random.default_rng(seed)
        x = (np.arange(1500) % 75 == 0).astype(float)
        return plain(5 * x + rng.normal(size=1500), x, in_time=True)

    assert outcomes("extreme points", rare)[True] == 10


def test_the_change_by_each_row_is_that_of_statsmodels():
    import statsmodels.api as sm

    study = rows(3, n=80)
    columns = np.column_stack([study.treatment, study.controls])
    influence = sm.OLS(study.outcome, sm.add_constant(pd.DataFrame(columns))).fit().get_influence()
    assert left_out_changes(outcome_regression(study)) == pytest.approx(-influence.dfbeta[:, 1], abs=1e-12)
