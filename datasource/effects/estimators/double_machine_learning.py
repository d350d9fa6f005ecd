"""Double machine learning in closed form: residual on residual, cross-fitted on blocks of time."""

import numpy as np

from datasource.effects.estimators.folds import blocked_folds
from datasource.effects.estimators.nuisance import Ridge, check_own_movement, cross_fit, within_units
from datasource.effects.inference import estimate
from datasource.effects.result import Answer, Estimate
from datasource.effects.study import Study, StudyError
from datasource.telemetry import Floats


def double_machine_learning(study: Study) -> Answer:
    """The partially linear model of Robinson (1988) with ridge nuisances (Chernozhukov et al. 2018).

    Equal to EconML's LinearDML with the same folds and scikit-learn's Ridge; the interval is not its iid one. The
    treatment may be continuous or binary. Units have means of their own.
    """
    check_own_movement(study)
    folds = blocked_folds(study)
    outcome, treatment, columns = within_units(study)
    outcome = outcome - cross_fit(Ridge, columns, outcome, folds)
    treatment = treatment - cross_fit(Ridge, columns, treatment, folds)
    return Answer(residual_on_residual(study, outcome, treatment), study.n)


def residual_on_residual(study: Study, outcome: Floats, treatment: Floats) -> Estimate:
    """The slope of the outcome's residuals (n) on the treatment's (n), through the origin, with its interval.

    Influence values are those of leaving the row out (HC3), for treatments that moved only now and then.
    """
    unit = float(np.abs(treatment).max(initial=0))
    if not unit > 0:
        raise StudyError(f"{study.treatment_name} does not move beside what is adjusted for")
    moved = treatment / unit
    strength = float(moved @ moved)
    slope = float(moved @ outcome) / strength / unit
    errors = (outcome - slope * treatment) / np.maximum(1 - moved**2 / strength, 1e-6)
    return estimate(slope, moved * errors / strength / unit, study, study.unit_count)
