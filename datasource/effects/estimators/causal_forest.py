"""A causal forest: effects that differ from row to row."""

from dataclasses import replace
from typing import Any

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.features import modifier_features
from datasource.effects.estimators.folds import blocked_folds, splits
from datasource.effects.estimators.nuisance import BoostedRidge, Ridge, check_own_movement, cross_fit
from datasource.effects.estimators.propensity import held, overlap, propensities, treatment_arms
from datasource.effects.estimators.scores import answer_from_scores, orthogonal_scores
from datasource.effects.result import Answer, Check
from datasource.effects.study import Ints, Study, StudyError

TREES = 100


def causal_forest(study: Study) -> Answer:
    """EconML's CausalForestDML (Athey, Tibshirani and Wager 2019), a forest for each block of time left out.

    The forest tells the rows' effects apart by modifiers and unit; without either, by the adjustment set. The average,
    and that of each group, is the mean of orthogonal scores of effects that the row's own block did not shape, so that
    their intervals know about time. Raises StudyError where there is nothing that effects could differ by.
    """
    if not study.modifiers.names and study.unit_count == 1:
        study = replace(study, modifiers=study.adjustment)
    features = modifier_features(study)
    if not features.shape[1]:
        raise StudyError(
            "a causal forest needs something that the effect could differ by; name modifiers, or use linear_regression"
        )
    check_own_movement(study)
    binary = len(np.unique(study.treated)) == 2
    columns = np.column_stack([study.controls, features])
    arms = treatment_arms(study, "causal_forest") if binary else study.treated
    folds = blocked_folds(study, arms if binary else None)
    checks: list[Check] = []
    if binary:
        propensity = propensities(columns, arms, folds)
        expected = held(propensity)
        moved, variance = arms - expected, expected * (1 - expected)
        checks.append(overlap(arms, propensity))
    else:
        moved = arms - cross_fit(BoostedRidge, columns, arms, folds)
        variance = treatment_variance(columns, moved, folds)
    rest = study.outcome - cross_fit(BoostedRidge, columns, study.outcome, folds)
    effects = _forest_effects(study, arms, features, folds)
    return answer_from_scores(study, orthogonal_scores(rest, moved, effects, variance), checks)


def treatment_variance(columns: Floats, residuals: Floats, folds: Ints) -> Floats:
    """The variance (n) of the treatment's residuals given the columns, at least a quarter of its mean."""
    squares = residuals**2
    variance: Floats = np.maximum(cross_fit(Ridge, columns, squares, folds), squares.mean() / 4)
    return variance


def _forest_effects(study: Study, treatment: Floats, features: Floats, folds: Ints) -> Floats:
    """The effect on each row (n) by a forest that has not seen its block."""
    outcome_unit, treatment_unit = float(study.outcome.std()), float(treatment.std())
    outcome = (study.outcome - study.outcome.mean()) / outcome_unit
    treatment = (treatment - treatment.mean()) / treatment_unit
    controls = study.controls
    effects = np.empty(study.n)
    for train, test in splits(folds):
        if not treatment[train].std() > 0.1 or not outcome[train].std() > 0:
            raise StudyError(
                f"nearly all movement of {study.treatment_name} or {study.outcome_name} is in one fifth of the rows, "
                "from which a causal forest cannot learn; take a longer range, or use linear_regression"
            )
        forest = _forest(folds[train])
        given = controls[train] if controls.shape[1] else None
        forest.fit(outcome[train], treatment[train], X=features[train], W=given, inference=None)
        effects[test] = np.ravel(forest.effect(features[test])) * outcome_unit / treatment_unit
    return effects


def _forest(folds: Ints) -> Any:
    from econml.dml import CausalForestDML

    return CausalForestDML(
        model_y=Ridge(),
        model_t=Ridge(),
        cv=splits(folds),
        n_estimators=TREES,
        min_samples_leaf=10,
        inference=False,
        n_jobs=1,
        random_state=0,
    )
