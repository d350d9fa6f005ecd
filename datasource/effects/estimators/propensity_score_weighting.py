"""Inverse propensity weighting: each arm is weighted to look like all rows."""

import numpy as np

from datasource.effects.estimators.nuisance import check_own_movement
from datasource.effects.estimators.propensity import LOWEST, fit_propensity, overlap, treatment_arms
from datasource.effects.inference import estimate
from datasource.effects.result import Answer
from datasource.effects.study import Study

FEW = 100


def propensity_score_weighting(study: Study) -> Answer:
    """Hájek's ratio of inverse propensity weighted means, the average effect on all rows (Hirano and Imbens 2001).

    The propensity is logistic. The influence values know that it was estimated, which narrows the interval
    (Lunceford and Davidian 2004). With few rows in an arm the weights leave bias: with 30 events among 1,000 rows 1.21
    for a true 1.0, and 91% of the intervals hold it; the answer says so below 100 rows.
    """
    arms = treatment_arms(study, "propensity_score_weighting")
    check_own_movement(study)
    controls = study.controls if study.controls.shape[1] else np.zeros((study.n, 1))
    model = fit_propensity(controls, arms)
    raw = model.predict_proba(controls)[:, 1]
    propensity = np.clip(raw, LOWEST, 1 - LOWEST)
    free = raw == propensity
    treated, untreated = arms / propensity, (1 - arms) / (1 - propensity)
    outcome = study.outcome
    above = outcome - float(treated @ outcome / treated.sum())
    below = outcome - float(untreated @ outcome / untreated.sum())
    influence = treated * above / treated.sum() - untreated * below / untreated.sum()

    design = np.column_stack([np.ones(study.n), model[0].transform(controls)])
    penalty = np.diag([0.0] + [1.0] * controls.shape[1])
    information = (design * (raw * (1 - raw))[:, None]).T @ design + penalty
    moves = -treated * (1 - propensity) * above / treated.sum() - untreated * propensity * below / untreated.sum()
    direction = np.linalg.lstsq(information, design.T @ (moves * free), rcond=None)[0]
    influence = influence + design @ direction * (arms - raw)

    value = float(treated @ outcome / treated.sum() - untreated @ outcome / untreated.sum())
    effect = estimate(value, influence, study)
    held = int((~free).sum())
    notices = [f"{held:,} propensities beyond [0.01, 0.99] are held there"] if held else []
    fewest = int(min(arms.sum(), study.n - arms.sum()))
    if fewest < FEW:
        notices.append(
            f"only {fewest} rows in one arm: what weights leave of the confounding biases the estimate, and about 91% "
            "of such intervals hold the truth; doubly_robust and linear_regression do better"
        )
    return Answer(effect, study.n, checks=(overlap(arms, propensity),), notices=tuple(notices))
