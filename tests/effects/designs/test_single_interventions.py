"""Synthetic control and counterfactual regression: one intervention, on simulated truth."""

import numpy as np
import pytest
from known_panels import autoregressive, check, covers, panel

from datasource.effects.estimators.counterfactual_regression import counterfactual_regression
from datasource.effects.estimators.synthetic_control import synthetic_control
from datasource.effects.study import StudyError, lay_out

METHODS = [synthetic_control, counterfactual_regression]


def shop(seed, n=200, start=150, controls=6, effect=3.0):
    """Two latent loads move every service; the treated one is 60% of the first control and 40% of the second."""
    rng = np.random.default_rng(seed)
    loads = 2 * np.array([autoregressive(rng, n, 0.8) for _ in range(2)])
    shares = rng.uniform(size=(controls, 2))
    shares[:2] = np.eye(2)
    others = 10 + shares @ loads + 0.5 * np.array([autoregressive(rng, n, 0.5) for _ in range(controls)])
    treated = 10 + 0.6 * loads[0] + 0.4 * loads[1] + 0.5 * autoregressive(rng, n, 0.5)
    treated[start:] += effect
    return panel(np.vstack([treated, others]), [start] + [None] * controls)


@pytest.mark.parametrize("method", METHODS)
def test_the_effect_and_all_its_intervals_hold(method):
    averages, points, sums = [], [], []
    for seed in range(60):
        shown = method(shop(seed)).comparison
        averages.append(covers(shown.average, 3))
        sums.append(covers(shown.cumulative, 3 * 50))
        points.append(np.mean([covers(one, 3) for step, one in shown.event_study if step >= 0]))
    assert np.mean(averages) >= 0.88
    assert np.mean(sums) >= 0.88
    assert 0.9 <= np.mean(points) <= 0.99


@pytest.mark.parametrize("method", METHODS)
def test_what_is_shown_beside_the_effect(method):
    answer = method(shop(1))
    shown = answer.comparison
    after = shown.times >= shown.began
    assert shown.began == 150
    assert shown.average == answer.effect
    assert (shown.treated - shown.counterfactual)[after].mean() == pytest.approx(answer.effect.value)
    assert shown.cumulative.value == pytest.approx(50 * answer.effect.value)
    assert dict(shown.event_study)[-1].value == 0
    assert ((shown.lower < shown.counterfactual) & (shown.counterfactual < shown.upper)).all()


def test_synthetic_control_finds_what_the_treated_is_made_of():
    n = 80
    rng = np.random.default_rng(2)
    controls = rng.normal(size=(25, n)).cumsum(axis=1)
    treated = 0.7 * controls[3] + 0.3 * controls[11] + 0.05 * rng.normal(size=n)
    treated[60:] += 4
    answer = synthetic_control(panel(np.vstack([treated, controls]), [60] + [None] * 25))
    assert answer.effect.value == pytest.approx(4, abs=0.2)
    assert any("u4 70%, u12 30%" in notice for notice in answer.notices)
    assert check(answer, "placebo in space").passed
    assert check(answer, "pre-period fit").passed


def test_without_an_effect_the_treated_is_no_outlier_among_placebos():
    places = [check(synthetic_control(shop(seed, 40, 30, 20, effect=0.0)), "placebo in space") for seed in range(40)]
    assert np.mean([place.passed is False for place in places]) >= 0.85


def test_texas_prisons():
    """A real panel: far more prisoners than its synthetic control; no published figure stands behind the range."""
    from causaldata import texas

    data = texas.load_pandas().data
    names, units = np.unique(data.state, return_inverse=True)
    built = ((data.state == "Texas") & (data.year >= 1994)).to_numpy(dtype=float)
    years = data.year.to_numpy(dtype=int)
    answer = synthetic_control(
        lay_out(data.bmprison.to_numpy(dtype=float), built, {}, units=units, unit_names=names, times=years)
    )
    assert 20_000 < answer.effect.value < 30_000


def test_few_times_and_few_controls_give_no_interval_and_say_so():
    answer = synthetic_control(shop(3, 30, 20, controls=6))
    assert np.isnan(answer.effect.lower)
    assert any("no interval" in notice for notice in answer.notices)


def test_a_treated_unit_out_of_reach_is_found_out():
    study = shop(4)
    outcome = study.outcome.reshape(7, -1)
    outcome[0] += 100
    assert check(synthetic_control(panel(outcome, [150] + [None] * 6)), "pre-period fit").passed is False


def test_counterfactual_regression_takes_columns_for_controls():
    covered = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        control, noise = autoregressive(rng, 300, 0.9), autoregressive(rng, 300, 0.8)
        on = (np.arange(300) >= 250).astype(float)
        study = lay_out(2 * control + noise + 3 * on, on, {"requests": control}, times=np.arange(300))
        covered.append(covers(counterfactual_regression(study).effect, 3))
    assert np.mean(covered) >= 0.88


def test_counterfactual_regression_without_controls_says_that_it_knows_the_level_only():
    on = (np.arange(100) >= 60).astype(float)
    outcome = np.random.default_rng(5).normal(size=100) + 2 * on
    answer = counterfactual_regression(lay_out(outcome, on, {}, times=np.arange(100)))
    assert covers(answer.effect, 2)
    assert any("level" in notice for notice in answer.notices)


def test_controls_that_are_touched_too_are_pointed_out():
    study = shop(6)
    outcome = study.outcome.reshape(7, -1)
    outcome[2, 150:] += 50
    found = check(counterfactual_regression(panel(outcome, [150] + [None] * 6)), "overlap")
    assert found.passed is False
    assert "u2" in found.text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e12, 1e-12])
def test_scale_does_not_matter(method, scale):
    study = shop(7)
    scaled = panel(study.outcome.reshape(7, -1) * scale, [150] + [None] * 6)
    assert method(scaled).effect.lower == pytest.approx(method(study).effect.lower * scale, rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_duplicate_and_constant_controls_are_no_trouble(method):
    study = shop(8)
    rows = study.outcome.reshape(7, -1)
    outcome = np.vstack([rows, rows[1:3], np.full((2, rows.shape[1]), 10.0)])
    assert method(panel(outcome, [150] + [None] * 10)).effect.value == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("method", METHODS)
def test_a_series_that_never_moves_has_no_interval_and_no_exception(method):
    outcome = np.full((4, 100), 10.0)
    outcome[0, 50:] = 12
    answer = method(panel(outcome, [50, None, None, None]))
    assert answer.effect.value == pytest.approx(2)
    assert np.isnan(answer.effect.lower)


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_answered_is_said(method):
    outcome = np.random.default_rng(9).normal(size=(4, 40))
    with pytest.raises(StudyError, match="no time before"):
        method(panel(outcome, [0, None, None, None]))
    with pytest.raises(StudyError, match="times before the start"):
        method(panel(outcome, [2, None, None, None]))
    with pytest.raises(StudyError, match="column of times"):
        method(lay_out(outcome[0], (np.arange(40) > 20) * 1.0, {}))


def test_synthetic_control_needs_controls():
    with pytest.raises(StudyError, match="two control units"):
        synthetic_control(panel(np.random.default_rng(10).normal(size=(2, 40)), [20, None]))
