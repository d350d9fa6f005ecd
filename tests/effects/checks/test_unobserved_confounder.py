"""How strong a hidden cause would have to be, equal to DoWhy's figures, and in plain words."""

import numpy as np
import pandas as pd
import pytest
from check_studies import LINEAR, checked, plain, rows, series

from datasource.effects.checks.unobserved_confounder import e_value, robustness_value
from datasource.effects.methods import ESTIMATORS


@pytest.fixture(scope="module")
def by_dowhy():
    from dowhy import CausalModel

    study = rows(5, n=400, controls=2, effect=0.4)
    data = pd.DataFrame({"x": study.treatment[:, 0], "y": study.outcome})
    data[["a", "b"]] = study.adjustment.values
    model = CausalModel(data, treatment=["x"], outcome=["y"], common_causes=["a", "b"])
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    estimate = model.estimate_effect(estimand, method_name="backdoor.linear_regression")
    refutation = model.refute_estimate(
        estimand,
        estimate,
        method_name="add_unobserved_common_cause",
        simulation_method="linear-partial-R2",
        benchmark_common_causes=["a"],
        effect_fraction_on_treatment=[1],
        plotmethod=None,
        plot_estimate=False,
    )
    return study, refutation


def test_the_robustness_value_is_that_of_dowhy(by_dowhy):
    import statsmodels.api as sm

    study, refutation = by_dowhy
    fit = sm.OLS(study.outcome, sm.add_constant(np.column_stack([study.treatment, study.controls]))).fit()
    found = robustness_value(fit.tvalues[1], fit.df_resid)
    assert found.estimate == pytest.approx(refutation.stats["robustness_value"], abs=1e-12)
    assert found.interval == pytest.approx(refutation.stats["robustness_value_alpha"], abs=1e-12)
    assert f"explain {found.estimate:.0%} of what is left" in checked(study)["unobserved confounder"].text


def test_a_cause_as_strong_as_the_robustness_value_does_bring_the_effect_to_0():
    value = robustness_value(8.0, 200).estimate
    bias = np.sqrt(value * value / (1 - value)) * np.sqrt(200)
    assert bias == pytest.approx(8.0)


def test_neighbours_that_are_alike_make_the_interval_less_robust():
    alone, alike = robustness_value(8.0, 1000), robustness_value(8.0, 1000, 100)
    assert alike.estimate == alone.estimate
    assert alike.interval < alone.interval


@pytest.mark.parametrize(("risk_ratio", "known"), [(3.9, 7.26), (0.8, 1.81), (1.0, 1.0)])
def test_the_e_value_is_the_published_one(risk_ratio, known):
    assert e_value(risk_ratio) == pytest.approx(known, abs=0.005)


def test_a_strong_effect_passes_and_a_faint_one_does_not():
    assert checked(series(1))["unobserved confounder"].passed
    faint = checked(rows(2, n=20000, effect=0.03))["unobserved confounder"]
    assert faint.passed is False
    assert "of what is left of both restarts and latency to bring the effect to 0" in faint.text


def test_without_a_clear_effect_there_is_nothing_to_explain_away():
    assert checked(rows(1, effect=0.0))["unobserved confounder"].passed is None


def test_two_values_on_both_ends_get_an_e_value():
    rng = np.random.default_rng(1)
    x = (rng.random(4000) < 0.5).astype(float)
    y = (rng.random(4000) < 0.1 + 0.1 * x).astype(float)
    check = checked(plain(y, x))["unobserved confounder"]
    assert check.passed
    ratio = y[x == 1].mean() / y[x == 0].mean()
    assert f"by a factor of {e_value(ratio):.2g} each" in check.text


def test_the_assigned_treatment_needs_no_such_check():
    study = rows(1, binary=True, controls=0)
    assert "unobserved confounder" not in checked(study, ESTIMATORS["difference_in_means"])
    assert "unobserved confounder" in checked(study, LINEAR)
