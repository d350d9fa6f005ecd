"""An interval that reaches over two estimates and its p-value say the same of 0."""

import pytest

from datasource.effects.checks.run import _over
from datasource.effects.result import Estimate


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Estimate(0.7, 0.5, 1.0, 0.001), Estimate(-0.7, -1.0, -0.5, 0.002)),
        (Estimate(0.7, 0.5, 1.0, 0.001), Estimate(0.4, 0.2, 0.6, 0.01)),
        (Estimate(0.7, 0.5, 1.0, 0.001), Estimate(0.1, -0.2, 0.4, 0.5)),
    ],
)
def test_the_interval_holds_0_where_p_says_so(one, other):
    found = _over(one, other)
    assert (found.lower, found.upper) == (min(one.lower, other.lower), max(one.upper, other.upper))
    assert (found.lower <= 0 <= found.upper) == (found.p_value >= 0.05)
