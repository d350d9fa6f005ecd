"""Meta-learners: effects that differ from row to row, by any regression."""

from dataclasses import replace
from typing import Any

import numpy as np

from datasource.effects.estimators.features import modifier_features
from datasource.effects.estimators.folds import blocked_folds, splits
from datasource.effects.estimators.nuisance import BoostedRidge, check_own_movement, cross_fit
from datasource.effects.estimators.propensity import held, overlap, propensities, treatment_arms
from datasource.effects.estimators.scores import answer_from_scores, orthogonal_scores
from datasource.effects.result import Answer
from datasource.effects.study import Study


def slearner(study: Study) -> Answer:
    """EconML's SLearner: one model of the outcome, the treatment a column of it (Künzel et al. 2019)."""
    return _meta_learner(study, "SLearner", overall_model=BoostedRidge())


def tlearner(study: Study) -> Answer:
    """EconML's TLearner: a model of the outcome for either arm (Künzel et al. 2019)."""
    return _meta_learner(study, "TLearner", models=BoostedRidge())


def xlearner(study: Study) -> Answer:
    """EconML's XLearner: each arm's effects imputed by the other's model, then weighted (Künzel et al. 2019)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    propensity = make_pipeline(StandardScaler(), LogisticRegression())
    return _meta_learner(study, "XLearner", models=BoostedRidge(), propensity_model=propensity)


def _meta_learner(study: Study, name: str, **models: Any) -> Answer:
    """The mean of augmented scores of effects that the row's own block of time did not shape, and by group.

    Needs a binary treatment. Regressions are gradient boosted ridge, the propensity is logistic.
    """
    from econml import metalearners

    arms = treatment_arms(study, name)
    if not study.modifiers.names and study.unit_count == 1:
        study = replace(study, modifiers=study.adjustment)
    check_own_movement(study)
    columns = np.column_stack([study.controls, modifier_features(study)])
    if not columns.shape[1]:
        columns = np.zeros((study.n, 1))
    folds = blocked_folds(study, arms)
    unit = float(study.outcome.std())
    outcome = (study.outcome - study.outcome.mean()) / unit
    effects = np.empty(study.n)
    for train, test in splits(folds):
        learner = getattr(metalearners, name)(**models)
        learner.fit(outcome[train], arms[train], X=columns[train])
        effects[test] = np.ravel(learner.effect(columns[test]))
    propensity = propensities(columns, arms, folds)
    rest = outcome - cross_fit(BoostedRidge, columns, outcome, folds)
    expected = held(propensity)
    scores = orthogonal_scores(rest, arms - expected, effects, expected * (1 - expected))
    return answer_from_scores(study, unit * scores, [overlap(arms, propensity)])
