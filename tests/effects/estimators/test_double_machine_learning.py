"""Double machine learning: EconML's numbers by ridge, curves by splines, and intervals that know about time."""

import numpy as np
import pytest
from confounded import HOLDS, autocorrelated, covers, independent_rows, several_units

from datasource.effects.estimators.double_machine_learning import (
    double_machine_learning,
    ridge_double_machine_learning,
)
from datasource.effects.estimators.folds import blocked_folds, splits
from datasource.effects.study import StudyError, lay_out


@pytest.mark.parametrize("binary", [True, False])
def test_what_is_adjusted_for_does_not_bias(binary):
    effect = double_machine_learning(independent_rows(binary)).effect
    assert effect.value == pytest.approx(HOLDS, abs=0.12)
    assert covers(effect, HOLDS)
    assert effect.p_value < 0.001


@pytest.mark.parametrize("study", [independent_rows(True), independent_rows(False), autocorrelated(False, 3)])
def test_the_ridge_form_is_econml_with_the_same_folds(study):
    from econml.dml import LinearDML
    from sklearn.linear_model import Ridge as ScikitRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = make_pipeline(StandardScaler(), ScikitRidge(alpha=1.0))
    model = LinearDML(model_y=ridge, model_t=ridge, cv=splits(blocked_folds(study)), random_state=0)
    model.fit(study.outcome, study.treated, W=study.controls)
    assert ridge_double_machine_learning(study).effect.value == pytest.approx(float(model.effect()[0]), abs=1e-8)


@pytest.mark.parametrize(
    "curve",
    [lambda a, b: a**2, lambda a, b: 1 / (1.1 - np.tanh(np.abs(a))), lambda a, b: np.sin(2 * a), lambda a, b: a * b],
)
def test_confounders_may_act_in_curves_and_together(curve):
    rng = np.random.default_rng(3)
    a, b, own, error = rng.normal(size=(4, 1000))
    both = curve(a, b)
    treatment = both + own
    study = lay_out(HOLDS * treatment + 2 * both + error, treatment, {"a": a, "b": b})
    assert covers(double_machine_learning(study).effect, HOLDS)
    assert ridge_double_machine_learning(study).effect.lower > HOLDS + 0.3


def test_where_lines_are_right_it_is_the_ridge_form():
    study = independent_rows(False)
    expected = ridge_double_machine_learning(study).effect
    assert double_machine_learning(study).effect.value == pytest.approx(expected.value, abs=0.01)


@pytest.mark.parametrize("binary", [True, False])
def test_the_interval_holds_on_autocorrelated_data(binary):
    effects = [double_machine_learning(autocorrelated(binary, seed)).effect for seed in range(80)]
    assert np.mean([covers(effect, HOLDS) for effect in effects]) >= 0.85
    assert np.mean([effect.lower > 0 for effect in effects]) > 0.8


def test_every_unit_has_a_level_of_its_own():
    assert double_machine_learning(several_units(False)).effect.value == pytest.approx(2.0, abs=0.15)


def test_many_units_of_few_times_are_no_trouble():
    rng = np.random.default_rng(0)
    units, times = np.repeat(np.arange(150), 2), np.tile(np.arange(2), 150)
    level = 20 * rng.normal(size=150)[units]
    z = rng.normal(size=300)
    x = z + level + rng.normal(size=300)
    study = lay_out(HOLDS * x + z - level + rng.normal(size=300), x, {"z": z}, times=times, units=units)
    effect = double_machine_learning(study).effect
    assert effect.value == pytest.approx(HOLDS, abs=0.3)
    assert covers(effect, HOLDS)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_of_measurement_do_not_matter(scale):
    study = independent_rows(False, n=300)
    scaled = lay_out(study.outcome * scale, study.treated * scale, {"a": study.controls[:, 0] * scale})
    plain = lay_out(study.outcome, study.treated, {"a": study.controls[:, 0]})
    assert double_machine_learning(scaled).effect.value == pytest.approx(
        double_machine_learning(plain).effect.value, rel=1e-6
    )


def test_duplicate_and_constant_columns_change_nothing():
    study = independent_rows(False)
    a, b = study.controls.T
    twice = lay_out(study.outcome, study.treated, {"a": a, "b": b, "again": a, "flat": np.full(study.n, 7.0)})
    assert double_machine_learning(twice).effect.value == pytest.approx(
        double_machine_learning(study).effect.value, abs=0.02
    )


def test_a_treatment_that_is_adjusted_for_is_refused():
    study = independent_rows(False)
    with pytest.raises(StudyError, match="does not move on its own"):
        double_machine_learning(study.with_adjustment("same", 2 * study.treated))


def test_too_few_rows_are_refused():
    with pytest.raises(StudyError, match="give at least 20"):
        double_machine_learning(independent_rows(False, n=12))
    with pytest.raises(StudyError, match="do not carry 4 coefficients"):
        double_machine_learning(independent_rows(False, n=4))


def test_a_treatment_that_moved_once_gets_no_narrow_interval():
    rng = np.random.default_rng(1)
    treatment = np.zeros(300)
    treatment[150] = 1.0
    study = lay_out(rng.normal(size=300), treatment, {}, times=np.arange(300))
    effect = double_machine_learning(study).effect
    assert not effect.upper - effect.lower < 3
