"""Double machine learning of all windows at once gives what EconML gives one window at a time."""

import warnings

import numpy as np
import pytest

from datasource.numerics import dml_windows

WINDOWS = np.array([(0, 300), (100, 400), (150, 450), (300, 600)])


def rows(seed: int, n: int = 600, k: int = 3):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, k + 1))
    for t in range(1, n):
        noise[t] += 0.8 * noise[t - 1]
    controls = noise[:, :k]
    treatment = controls @ np.linspace(0.5, 1, k) + rng.normal(size=n)
    return 1.5 * treatment + controls.sum(axis=1) + noise[:, k], treatment, controls


def by_econml(outcome, treatment, controls, penalty=1.0):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from econml.dml import LinearDML
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        whole = np.isfinite(outcome) & np.isfinite(treatment) & np.isfinite(controls).all(axis=1)
        folds = np.arange(whole.sum()) * 5 // whole.sum()
        splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(5)]
        nuisances = [make_pipeline(StandardScaler(), Ridge(alpha=penalty)) for _ in range(2)]
        model = LinearDML(model_y=nuisances[0], model_t=nuisances[1], cv=splits, random_state=0)
        return float(model.fit(outcome[whole], treatment[whole], W=controls[whole]).ate())


@pytest.mark.parametrize("penalty", [1.0, 50.0])
def test_every_window_equals_econml(penalty):
    outcome, treatment, controls = rows(1)
    ours = dml_windows(outcome, treatment, controls, WINDOWS, penalty=penalty)[:, 0]
    theirs = [by_econml(outcome[a:b], treatment[a:b], controls[a:b], penalty) for a, b in WINDOWS]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_missing_rows_and_other_units_equal_econml():
    outcome, treatment, controls = rows(2)
    outcome[::17] = np.nan
    controls[200:230, 1] = np.nan
    treatment = treatment * 1e6 + 1e9
    ours = dml_windows(outcome, treatment, controls, WINDOWS)[:, 0]
    theirs = [by_econml(outcome[a:b], treatment[a:b], controls[a:b]) for a, b in WINDOWS]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_duplicate_and_constant_controls_do_no_harm():
    outcome, treatment, controls = rows(3)
    doubled = np.column_stack([controls, controls[:, 0], np.full(len(outcome), 7.0)])
    plain, table = (dml_windows(outcome, treatment, columns, WINDOWS) for columns in (controls, doubled))
    np.testing.assert_allclose(table[:, 0], plain[:, 0], atol=0.01)
    assert np.isfinite(table).all()


def test_the_interval_holds_the_truth_on_most_windows():
    held = []
    for seed in range(60):
        _, lower, upper, _ = dml_windows(*rows(100 + seed), WINDOWS[[0]])[0]
        held.append(lower <= 1.5 <= upper)
    assert np.mean(held) >= 0.88


def test_windows_that_carry_nothing_are_nan():
    outcome, treatment, controls = rows(4)
    treatment[:300] = 5.0
    outcome[300:590] = np.nan
    assert np.isnan(dml_windows(outcome, treatment, controls, np.array([(0, 300), (300, 600), (10, 10)]))).all()


def test_no_controls_is_the_slope_of_what_moved():
    _outcome, treatment, controls = rows(5)
    table = dml_windows(2 * treatment, treatment, controls[:, :0], WINDOWS)
    np.testing.assert_allclose(table[:, 0], 2, rtol=1e-3)
