"""Anchor regression: better than least squares where environments move further than they did."""

import numpy as np
from mechanisms_apart import question

from datasource.data import Floats
from datasource.demo.three_shops import smooth
from datasource.invariance.anchor import anchor_regression, anchored


def confounded(seed: int, moved: float, n: int = 500) -> Floats:
    """y = x + 2 h, where the hidden h moves x, too, and environments move x."""
    rng = np.random.default_rng(seed)
    hidden = smooth(n, rng, 0.5)
    x = hidden + moved + smooth(n, rng, 0.5)
    return np.column_stack([x + 2 * hidden + smooth(n, rng, 0.5), x])


def test_least_squares_is_gamma_one() -> None:
    asked = question(*(confounded(seed, moved) for seed, moved in enumerate((0, 1, 2))), causes=1)
    rows = np.vstack([one.columns for one in asked.rows])
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(rows)), rows[:, 1]]), rows[:, 0], rcond=None)[0]
    np.testing.assert_allclose(anchor_regression(asked.rows, 1.0), expected, rtol=1e-10)


def test_a_large_gamma_finds_what_holds_where_environments_move_further() -> None:
    asked = question(*(confounded(seed, moved) for seed, moved in enumerate((-2, 0, 2, 6))), causes=1)
    found = anchored(asked)
    assert found is not None
    assert found.gamma > 1
    assert found.anchored < 0.9 * found.least_squares
    further = confounded(9, 20.0)
    errors = [
        np.abs(np.mean(further[:, 0] - one[0] - further[:, 1] * one[1]))
        for one in ((found.intercept, found.slopes[0]), anchor_regression(asked.rows, 1.0))
    ]
    assert errors[0] < 0.7 * errors[1]


def test_two_environments_are_too_few_to_leave_one_out() -> None:
    assert anchored(question(confounded(0, 0), confounded(1, 1), causes=1)) is None
