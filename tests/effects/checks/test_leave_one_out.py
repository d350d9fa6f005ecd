"""A comparison of treated and controls does not rest on one control - or the check says on which."""

from collections import Counter

import numpy as np
import pytest
from check_studies import SEEDS, checked

from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import Study, lay_out

COMPARISONS = ["difference_in_differences", "synthetic_control", "counterfactual_regression"]


def pods(seed: int, controls: int = 4, follows: bool = False) -> Study:
    """pod-0 gets 5 more from time 40 on; with `follows`, only pod-1 has what moves pod-0, and then it falls."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=60).cumsum()
    outcome = (0 if follows else 1) * shared + 0.5 * rng.normal(size=(controls + 1, 60))
    if follows:
        outcome[:2] += shared
        outcome[1, 40:] -= 10
    outcome[0, 40:] += 5
    treatment = np.zeros(outcome.shape)
    treatment[0, 40:] = 1
    return lay_out(
        outcome.ravel(),
        treatment.ravel(),
        {},
        names=("rollout", "latency"),
        times=np.tile(np.arange(60), controls + 1),
        units=np.repeat(np.arange(controls + 1), 60),
        unit_names=tuple(f"pod-{unit}" for unit in range(controls + 1)),
    )


@pytest.mark.parametrize("name", COMPARISONS)
def test_many_controls_that_are_alike_do_without_any_one(name):
    passed = Counter(checked(pods(seed), ESTIMATORS[name])["subset"].passed for seed in SEEDS)
    assert passed[True] >= 9


def test_a_control_that_was_hit_itself_is_named():
    failed = [checked(pods(seed, follows=True), ESTIMATORS["synthetic_control"])["subset"] for seed in SEEDS]
    assert sum(check.passed is False for check in failed) >= 9
    assert "without pod-1" in failed[0].text


def test_two_controls_are_too_few_to_leave_one_out():
    check = checked(pods(1, controls=2), ESTIMATORS["difference_in_differences"])["subset"]
    assert check.passed is None
    assert "give at least 3" in check.text
