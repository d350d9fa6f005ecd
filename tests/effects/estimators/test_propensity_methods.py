"""Weighting, matching and doubly robust estimation of a binary treatment."""

import numpy as np
import pytest
from confounded import (
    HOLDS,
    autocorrelated,
    covers,
    heterogeneous_rows,
    independent_rows,
    naive,
    quit_smoking,
    several_units,
)

from datasource.effects.estimators.doubly_robust import doubly_robust
from datasource.effects.estimators.propensity_score_matching import propensity_score_matching, times_used
from datasource.effects.estimators.propensity_score_weighting import propensity_score_weighting
from datasource.effects.study import StudyError, lay_out

ALL = pytest.mark.parametrize(
    "estimator", [propensity_score_weighting, propensity_score_matching, doubly_robust], ids=lambda one: one.__name__
)


@ALL
def test_what_is_adjusted_for_does_not_bias(estimator):
    study = independent_rows(True)
    effects = [estimator(independent_rows(True, seed)).effect for seed in range(40)]
    assert naive(study) > 3
    assert np.mean([effect.value for effect in effects]) == pytest.approx(HOLDS, abs=0.05)
    assert np.mean([covers(effect, HOLDS) for effect in effects]) >= 0.85
    errors = [(effect.upper - effect.lower) / 3.92 for effect in effects]
    assert np.mean(errors) == pytest.approx(np.std([effect.value for effect in effects]), rel=0.35)


@ALL
def test_the_interval_holds_on_autocorrelated_data(estimator):
    effects = [estimator(autocorrelated(True, seed)).effect for seed in range(60)]
    assert np.mean([covers(effect, HOLDS) for effect in effects]) >= 0.85


@ALL
def test_quitting_smoking_costs_three_and_a_half_kilos(estimator):
    study = quit_smoking()
    effect = estimator(study).effect
    assert naive(study) == pytest.approx(2.54, abs=0.01)
    assert effect.value == pytest.approx(3.45, abs=0.15)
    assert effect.lower == pytest.approx(2.5, abs=0.3)
    assert effect.upper == pytest.approx(4.5, abs=0.3)


def test_matching_says_that_it_answers_for_the_treated():
    rng = np.random.default_rng(2)
    a = rng.normal(size=3000)
    treatment = (rng.uniform(size=3000) < 1 / (1 + np.exp(-a))).astype(float)
    study = lay_out((1 + a) * treatment + a + rng.normal(size=3000), treatment, {"a": a})
    on_treated = 1 + a[treatment == 1].mean()
    answer = propensity_score_matching(study)
    assert covers(answer.effect, on_treated)
    assert answer.effect.value > doubly_robust(study).effect.value + 0.2
    assert "(ATT)" in answer.notices[0]


def test_matches_that_are_equally_near_are_used_alike():
    used = times_used(np.array([0.5, 0.5, 0.9]), np.array([0.5, 0.5, 0.5, 0.5, 0.9]), matches=1)
    assert used == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])
    assert times_used(np.array([0.0, 1.0]), np.array([0.4, 0.6]), matches=4) == pytest.approx([1.0, 1.0])


@ALL
def test_good_overlap_is_said(estimator):
    check = next(one for one in estimator(independent_rows(True)).checks if one.name == "overlap")
    assert check.passed is True
    assert "of the rows have a propensity outside [0.05, 0.95]" in check.text


@ALL
def test_lack_of_overlap_is_found(estimator):
    rng = np.random.default_rng(3)
    a = rng.normal(size=1000)
    treatment = (a + 0.1 * rng.normal(size=1000) > 0).astype(float)
    answer = estimator(lay_out(a + rng.normal(size=1000), treatment, {"a": a}))
    check = next(one for one in answer.checks if one.name == "overlap")
    assert check.passed is False
    assert "narrow the rows" in check.text


@ALL
def test_without_anything_to_adjust_for_it_is_the_difference_of_means(estimator):
    study = independent_rows(True)
    bare = lay_out(study.outcome, study.treated, {})
    assert estimator(bare).effect.value == pytest.approx(naive(study), abs=0.01)


@ALL
def test_units_of_measurement_do_not_matter(estimator):
    study = independent_rows(True)
    a, b = study.controls.T
    large = lay_out(1e12 * study.outcome, study.treated, {"a": 1e12 * a + 1e12, "b": b, "again": b, "flat": a * 0})
    assert estimator(large).effect.value == pytest.approx(1e12 * estimator(study).effect.value, rel=0.02)


@ALL
def test_a_step_leaves_either_arm_in_every_fold(estimator):
    rng = np.random.default_rng(4)
    a, times = rng.normal(size=500), np.arange(500)
    after = (times >= 400).astype(float)
    effect = estimator(lay_out(HOLDS * after + a + rng.normal(size=500), after, {"a": a}, times=times)).effect
    assert effect.value == pytest.approx(HOLDS, abs=0.4)
    assert covers(effect, HOLDS)


@ALL
def test_a_continuous_treatment_is_refused(estimator):
    with pytest.raises(StudyError, match=r"two values.*linear_regression"):
        estimator(independent_rows(False))


@ALL
def test_a_rare_treatment_is_refused(estimator):
    study = independent_rows(True)
    rare = np.zeros(study.n)
    rare[:4] = 1
    with pytest.raises(StudyError, match=r"in 4 of 2,000 rows.*take a longer range"):
        estimator(lay_out(study.outcome, rare, {"a": study.controls[:, 0]}))


@ALL
def test_more_columns_than_the_smaller_arm_carries_are_refused(estimator):
    rng = np.random.default_rng(5)
    columns = {str(number): rng.normal(size=300) for number in range(60)}
    study = lay_out(rng.normal(size=300), (rng.uniform(size=300) < 0.4).astype(float), columns)
    with pytest.raises(StudyError, match=r"needs 180 to adjust for 60 columns.*adjust for less"):
        estimator(study)


@ALL
def test_a_treatment_that_is_adjusted_for_is_refused(estimator):
    study = independent_rows(True)
    with pytest.raises(StudyError, match="does not move on its own"):
        estimator(study.with_adjustment("same", study.treated))


def test_doubly_robust_tells_groups_apart():
    groups = {(group.modifier, group.level): group for group in doubly_robust(heterogeneous_rows(True)).groups}
    assert covers(groups["tier", "low"].effect, 1.0)
    assert covers(groups["tier", "high"].effect, 3.0)
    by_unit = [group.effect for group in doubly_robust(several_units(True)).groups if group.modifier == "unit"]
    assert [effect.value for effect in by_unit] == pytest.approx([1.0, 2.0, 3.0], abs=0.5)
