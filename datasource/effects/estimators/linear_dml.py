"""Double machine learning by EconML, its nuisances free to bend."""

from datasource.effects.estimators.double_machine_learning import residual_on_residual
from datasource.effects.estimators.folds import blocked_folds, splits
from datasource.effects.estimators.nuisance import BoostedRidge, check_own_movement, within_units
from datasource.effects.result import Answer
from datasource.effects.study import Study


def linear_dml(study: Study) -> Answer:
    """EconML's LinearDML with gradient boosted ridge nuisances (Chernozhukov et al. 2018), folds blocks of time.

    The interval comes from the influence of the residual-on-residual regression, not from EconML, whose rows are
    independent. The treatment may be continuous or binary.
    """
    from econml.dml import LinearDML

    check_own_movement(study)
    outcome, treatment, columns = within_units(study)
    model = LinearDML(model_y=BoostedRidge(), model_t=BoostedRidge(), cv=splits(blocked_folds(study)), random_state=0)
    model.fit(outcome, treatment, W=columns if columns.shape[1] else None, cache_values=True, inference=None)
    outcome, treatment, *_ = model.residuals_
    return Answer(residual_on_residual(study, outcome.ravel(), treatment.ravel()), study.n)
