"""Heterogeneity by plain methods: any estimator within each unit and each level."""

import numpy as np
import pytest
from confounded import covers, heterogeneous_rows, several_units

from datasource.effects.estimators.by_group import by_group
from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import lay_out


def test_each_unit_has_its_own_effect():
    groups = by_group(several_units(False), linear_regression)
    assert [(group.modifier, group.level, group.n) for group in groups] == [
        ("unit", name, 400) for name in ("cart", "pay", "mail")
    ]
    assert all(covers(group.effect, truth) for group, truth in zip(groups, (1.0, 2.0, 3.0), strict=True))


@pytest.mark.parametrize("method", ["backdoor.double_machine_learning", "backdoor.propensity_score_weighting"])
def test_each_level_has_its_own_effect(method):
    groups = by_group(heterogeneous_rows(True), ESTIMATORS[method].estimate)
    effects = {group.level: group.effect for group in groups if group.modifier == "tier"}
    assert covers(effects["low"], 1.0)
    assert covers(effects["high"], 3.0)


def test_numbers_are_cut_in_thirds_and_few_numbers_are_levels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    modifiers = {"cpu": np.arange(300) / 300, "replicas": np.repeat([1.0, 2.0, 4.0], 100)}
    groups = by_group(lay_out(x, x, {}, modifiers=modifiers), linear_regression)
    assert [group.level for group in groups] == ["<= 0.332", "0.332 - 0.664", "> 0.664", "1", "2", "4"]
    assert [group.n for group in groups] == [100] * 6


def test_groups_that_are_too_small_or_refused_have_no_estimate():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 120))
    rare = np.zeros(120)
    rare[:5] = 1
    x[60:] = 0
    groups = by_group(lay_out(y, x, {}, modifiers={"rare": rare, "half": np.repeat([0.0, 1.0], 60)}), linear_regression)
    found = {(group.modifier, group.level): group for group in groups}
    assert found["rare", "1"].n == 5
    assert np.isnan(found["rare", "1"].effect.value)
    assert np.isfinite(found["half", "0"].effect.value)
    assert np.isnan(found["half", "1"].effect.value)


def test_a_study_without_units_and_modifiers_has_no_groups():
    x = np.random.default_rng(2).normal(size=50)
    assert by_group(lay_out(x, x, {}), linear_regression) == ()
