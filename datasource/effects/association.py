"""The association: what a dashboard shows, without any adjustment."""

from dataclasses import replace

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.result import Estimate
from datasource.effects.study import NO_COLUMNS, Study
from datasource.numerics import hac_slope


def association(outcome: Floats, treatment: Floats) -> Estimate:
    """The slope of `outcome` on `treatment` (both by time, NaN where missing) with its EWC 95% interval."""
    both = np.isfinite(outcome) & np.isfinite(treatment)
    return Estimate(*hac_slope(outcome[both], treatment[both]))


def association_of(study: Study) -> Estimate:
    """The slope over a study's rows: of one series by time, else of all rows together."""
    if study.times is not None and study.units is None:
        return association(study.outcome, study.treatment[:, 0])
    return linear_regression(replace(study, treatment=study.treatment[:, :1], adjustment=NO_COLUMNS, units=None)).effect
