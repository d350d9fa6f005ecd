"""Several estimates at once, of rows or of many units, have the errors that each has alone."""

import numpy as np
import pytest

from datasource.effects.estimators.joint_covariance import joint_covariance
from datasource.effects.inference import estimate
from datasource.effects.study import lay_out


@pytest.mark.parametrize(
    "how",
    [{}, {"units": np.repeat(np.arange(30), 10), "times": np.tile(np.arange(10), 30)}],
)
def test_the_diagonal_is_that_of_single_estimates(how):
    rng = np.random.default_rng(1)
    influence, x, y = rng.normal(size=(300, 3)), rng.normal(size=300), rng.normal(size=300)
    study = lay_out(y, x, {}, **how)
    joint = joint_covariance(influence, study, 4)
    single = [estimate(1.0, influence[:, place], study, 4) for place in range(3)]
    widths = np.array([one.upper - one.lower for one in single])
    errors = np.sqrt(np.diag(joint.matrix))
    assert widths / widths[0] == pytest.approx(errors / errors[0], rel=0.03)
