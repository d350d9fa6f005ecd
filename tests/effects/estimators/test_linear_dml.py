"""EconML's LinearDML: nuisances that bend, intervals that know about time."""

import numpy as np
import pytest
from confounded import HOLDS, autocorrelated, covers, independent_rows, several_units

from datasource.effects.estimators.double_machine_learning import (
    double_machine_learning,
    ridge_double_machine_learning,
)
from datasource.effects.estimators.folds import blocked_folds, splits
from datasource.effects.estimators.linear_dml import linear_dml
from datasource.effects.estimators.nuisance import Ridge
from datasource.effects.study import StudyError, lay_out


@pytest.mark.parametrize("binary", [True, False])
def test_what_is_adjusted_for_does_not_bias(binary):
    effect = linear_dml(independent_rows(binary, n=1000)).effect
    assert effect.value == pytest.approx(HOLDS, abs=0.2)
    assert covers(effect, HOLDS)
    assert effect.p_value < 0.001


def test_econml_keeps_its_residuals_in_the_order_of_the_rows():
    from econml.dml import LinearDML

    study = independent_rows(False)
    model = LinearDML(model_y=Ridge(), model_t=Ridge(), cv=splits(blocked_folds(study)))
    model.fit(study.outcome, study.treated, W=study.controls, cache_values=True)
    assert np.array_equal(model.residuals_[3], study.controls)


def test_linear_dml_follows_a_bend_that_a_line_does_not():
    rng = np.random.default_rng(5)
    a = rng.normal(size=2000)
    treatment = np.abs(a) + 0.5 * rng.normal(size=2000)
    study = lay_out(HOLDS * treatment + 3 * np.abs(a) + rng.normal(size=2000), treatment, {"a": a})
    assert ridge_double_machine_learning(study).effect.value > 3
    assert double_machine_learning(study).effect.value == pytest.approx(HOLDS, abs=0.2)
    assert linear_dml(study).effect.value == pytest.approx(HOLDS, abs=0.2)


def test_the_interval_holds_on_autocorrelated_data():
    effects = [linear_dml(autocorrelated(False, seed, 300)).effect for seed in range(8)]
    assert sum(covers(effect, HOLDS) for effect in effects) >= 6


def test_every_unit_has_a_level_of_its_own():
    assert linear_dml(several_units(False, n=200)).effect.value == pytest.approx(2.0, abs=0.2)


def test_units_of_measurement_do_not_matter():
    study = independent_rows(False, n=300)
    large = lay_out(1e12 * study.outcome, 1e-12 * study.treated, {"a": 1e12 * study.controls[:, 0] + 1e12})
    plain = lay_out(study.outcome, study.treated, {"a": study.controls[:, 0]})
    assert linear_dml(large).effect.value == pytest.approx(1e24 * linear_dml(plain).effect.value, rel=1e-2)


def test_a_treatment_that_is_adjusted_for_is_refused():
    study = independent_rows(False, n=100)
    with pytest.raises(StudyError, match="does not move on its own"):
        linear_dml(study.with_adjustment("same", 2 * study.treated))


def test_too_few_rows_are_refused():
    with pytest.raises(StudyError, match="give at least 20"):
        linear_dml(independent_rows(False, n=12))
