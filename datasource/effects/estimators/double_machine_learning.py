"""Double machine learning: residual on residual, cross-fitted on blocks of time."""

from collections.abc import Sequence

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.folds import blocked_folds
from datasource.effects.estimators.nuisance import CurvedRidge, Ridge, check_own_movement, cross_fit, within_units
from datasource.effects.inference import estimate
from datasource.effects.result import NO_ESTIMATE, Answer, Estimate
from datasource.effects.study import Study, StudyError
from datasource.numerics import dml_windows


def double_machine_learning(study: Study) -> Answer:
    """The partially linear model of Robinson (1988) with nuisances that follow curves (Chernozhukov et al. 2018).

    They are ridge regressions with splines and products as far as these predict rows of other blocks. The treatment may
    be continuous or binary. Units have means of their own.
    """
    return _partially_linear(study, CurvedRidge)


def ridge_double_machine_learning(study: Study) -> Answer:
    """The same with ridge nuisances, straight lines in closed form: what rolling windows can afford.

    Equal to EconML's LinearDML with the same folds and scikit-learn's Ridge; the interval is not its iid one.
    """
    return _partially_linear(study, Ridge)


def _partially_linear(study: Study, model: type[Ridge] | type[CurvedRidge]) -> Answer:
    check_own_movement(study)
    folds = blocked_folds(study)
    outcome, treatment, columns = within_units(study)
    outcome = outcome - cross_fit(model, columns, outcome, folds)
    treatment = treatment - cross_fit(model, columns, treatment, folds)
    return Answer(residual_on_residual(study, outcome, treatment), study.n)


def rolling_double_machine_learning(study: Study, windows: Sequence[tuple[int, int]]) -> list[Estimate]:
    """The effect in one series over each window of the places first ... last - 1, all at once.

    The blocks are cut within each window; a window with under 20 rows has no estimate.
    """
    assert study.times is not None
    points = max(int(study.times[-1]) + 1, *(last for _, last in windows)) if windows and study.n else 0
    if not points:
        return [NO_ESTIMATE] * len(windows)
    placed = np.full((points, 2 + study.controls.shape[1]), np.nan)
    placed[study.times] = np.column_stack([study.outcome, study.treated, study.controls])
    table = dml_windows(placed[:, 0], placed[:, 1], placed[:, 2:], np.array(windows), window=study.window)
    return [Estimate(*row) for row in table.tolist()]


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
