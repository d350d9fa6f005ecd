"""The names of estimators that settings accept are those that there are."""

import pytest

from datasource.effects.methods import ESTIMATORS
from datasource.settings.methods import METHODS, find_method


def test_settings_know_every_estimator():
    assert list(ESTIMATORS) == list(METHODS)


def test_every_estimator_can_be_found_by_its_last_part():
    for name in METHODS:
        assert find_method(name.rsplit(".", 1)[-1]) == name


def test_a_wrong_name_lists_the_right_ones():
    with pytest.raises(ValueError, match=r"'ols' is no method; known are: .*linear_regression"):
        find_method("ols")
