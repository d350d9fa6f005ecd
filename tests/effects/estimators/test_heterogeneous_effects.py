"""Causal forest and meta-learners: effects that differ, each group with an interval of its own."""

import numpy as np
import pytest
from confounded import HOLDS, autocorrelated, covers, heterogeneous_rows, independent_rows, several_units

from datasource.effects.estimators.causal_forest import causal_forest
from datasource.effects.estimators.metalearners import slearner, tlearner, xlearner
from datasource.effects.study import StudyError, lay_out

LEARNERS = [slearner, tlearner, xlearner]
ALL = pytest.mark.parametrize("estimator", [causal_forest, *LEARNERS], ids=lambda one: one.__name__)


@ALL
def test_the_average_and_every_group_are_recovered(estimator):
    check_heterogeneity(estimator(heterogeneous_rows(True)))


def test_a_forest_takes_a_continuous_treatment():
    check_heterogeneity(causal_forest(heterogeneous_rows(False)))


def check_heterogeneity(answer):
    assert covers(answer.effect, 2.0)
    assert answer.effect.value == pytest.approx(2.0, abs=0.2)
    low, high = (group for group in answer.groups if group.modifier == "tier")
    assert [low.effect.value, high.effect.value] == pytest.approx([1.0, 3.0], abs=0.25)
    assert low.effect.upper < 2 < high.effect.lower
    thirds = [group for group in answer.groups if group.modifier == "load"]
    assert [group.effect.value for group in thirds] == pytest.approx([1.0, 2.0, 3.0], abs=0.3)
    assert thirds[0].level.startswith("<= 0.3")
    assert thirds[2].level.startswith("> 0.6")
    assert sum(group.n for group in thirds) == answer.n


@ALL
def test_units_are_told_apart(estimator):
    groups = [group for group in estimator(several_units(True)).groups if group.modifier == "unit"]
    assert [group.level for group in groups] == ["cart", "pay", "mail"]
    assert [group.effect.value for group in groups] == pytest.approx([1.0, 2.0, 3.0], abs=0.5)
    assert groups[0].effect.upper < groups[2].effect.lower


@pytest.mark.parametrize("binary", [True, False])
def test_a_forests_interval_holds_on_autocorrelated_data(binary):
    effects = [causal_forest(autocorrelated(binary, seed, 300)).effect for seed in range(4)]
    assert sum(covers(effect, HOLDS) for effect in effects) >= 3


def test_the_same_study_gives_the_same_answer():
    study = independent_rows(True, n=400)
    assert causal_forest(study).effect == causal_forest(study).effect


def test_without_modifiers_a_forest_looks_at_the_adjustment_set():
    assert {group.modifier for group in causal_forest(independent_rows(True, n=400)).groups} == {"a", "b"}


def test_a_forest_of_nothing_is_refused():
    study = independent_rows(True, n=400)
    with pytest.raises(StudyError, match="name modifiers"):
        causal_forest(lay_out(study.outcome, study.treated, {}))


def test_a_forest_that_cannot_see_the_treatment_move_is_refused():
    rng = np.random.default_rng(0)
    a, treatment = rng.normal(size=(2, 300))
    treatment[60:] = 0
    with pytest.raises(StudyError, match="is in one fifth of the rows"):
        causal_forest(lay_out(a + treatment, treatment, {"a": a}, times=np.arange(300)))


@pytest.mark.parametrize("estimator", LEARNERS)
def test_a_meta_learner_of_a_continuous_treatment_is_refused(estimator):
    with pytest.raises(StudyError, match=r"two values.*linear_regression"):
        estimator(independent_rows(False))


@ALL
def test_too_few_rows_are_refused(estimator):
    study = independent_rows(True, n=40)
    with pytest.raises(StudyError, match="rows"):
        estimator(study.take(np.arange(8)))


@ALL
def test_large_numbers_are_no_trouble(estimator):
    study = independent_rows(True, n=400)
    a, b = study.controls.T
    large = lay_out(1e12 * study.outcome, study.treated, {"a": 1e12 * a, "b": b, "again": b, "flat": a * 0})
    assert estimator(large).effect.value == pytest.approx(HOLDS * 1e12, rel=0.2)
