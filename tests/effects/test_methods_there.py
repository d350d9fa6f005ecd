"""Methods whose package is not installed."""

import sys

import numpy as np
import pytest

from datasource.effects.methods import ESTIMATORS
from datasource.effects.study import StudyError, lay_out


def test_a_method_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "econml", None)
    rng = np.random.default_rng(0)
    study = lay_out(rng.normal(size=50), rng.normal(size=50), {})
    with pytest.raises(StudyError, match="LinearDML needs a package that is not there: pip install econml"):
        ESTIMATORS["backdoor.econml.dml.LinearDML"].estimate(study)
