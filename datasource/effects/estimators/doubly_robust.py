"""Doubly robust estimation: right if either the model of the outcome or that of the treatment is."""

from datasource.effects.estimators.folds import blocked_folds
from datasource.effects.estimators.nuisance import Ridge, check_own_movement, cross_fit
from datasource.effects.estimators.propensity import held, overlap, propensities, treatment_arms
from datasource.effects.estimators.scores import answer_from_scores, augmented_scores
from datasource.effects.result import Answer
from datasource.effects.study import Study


def doubly_robust(study: Study) -> Answer:
    """Augmented inverse propensity weighting (Robins, Rotnitzky and Zhao 1994), cross-fitted on blocks of time.

    The effect on all rows of a binary treatment, from a ridge regression of the outcome in either arm and a logistic
    propensity. `groups` are averages of the same scores.
    """
    arms = treatment_arms(study, "doubly_robust")
    check_own_movement(study)
    folds = blocked_folds(study, arms)
    propensity = propensities(study.controls, arms, folds)
    untreated, treated = (cross_fit(Ridge, study.controls, study.outcome, folds, arms == arm) for arm in (0, 1))
    scores = augmented_scores(study.outcome, arms, held(propensity), treated, untreated)
    return answer_from_scores(study, scores, [overlap(arms, propensity)])
