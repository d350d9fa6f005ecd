"""Weighting by the propensity: each arm is weighted to look like all rows, or like those that could have had either."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.nuisance import check_own_movement
from datasource.effects.estimators.propensity import (
    balance,
    fit_propensity,
    held,
    overlap,
    rows_that_count,
    treatment_arms,
)
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
    return _weighted(study, "propensity_score_weighting", overlapping=False)


def overlap_weighting(study: Study) -> Answer:
    """The effect where either treatment could have been: a row weighs the chance of the other arm (Li and others 2018).

    No weight exceeds 1, so that rows without their like count for little instead of for much, and with a logistic
    propensity the arms have equal means of what is adjusted for. Where effects differ it is not the effect on all rows.
    """
    return _weighted(study, "overlap_weighting", overlapping=True)


def _weighted(study: Study, method: str, overlapping: bool) -> Answer:
    arms = treatment_arms(study, method)
    check_own_movement(study)
    controls = study.controls if study.controls.shape[1] else np.zeros((study.n, 1))
    model = fit_propensity(controls, arms)
    raw = model.predict_proba(controls)[:, 1]
    propensity = raw if overlapping else held(raw)
    free = raw == propensity
    weights, slopes = _weights(arms, propensity, overlapping)
    outcome = study.outcome
    treated, untreated = arms * weights, (1 - arms) * weights
    means = [float(arm @ outcome / arm.sum()) for arm in (treated, untreated)]
    above, below = (outcome - means[0]) / treated.sum(), (outcome - means[1]) / untreated.sum()
    influence = treated * above - untreated * below

    design = np.column_stack([np.ones(study.n), model[0].transform(controls)])
    penalty = np.diag([0.0] + [1.0] * controls.shape[1])
    information = (design * (raw * (1 - raw))[:, None]).T @ design + penalty
    moves = slopes * (arms * above - (1 - arms) * below)
    direction = np.linalg.lstsq(information, design.T @ (moves * free), rcond=None)[0]
    influence = influence + design @ direction * (arms - raw)

    effect = estimate(means[0] - means[1], influence, study)
    beyond = int((~free).sum())
    notices = [f"{beyond:,} propensities beyond [0.01, 0.99] are held there"] if beyond else []
    fewest = int(min(arms.sum(), study.n - arms.sum()))
    if overlapping:
        notices.append("this is the effect on rows that could have had either; where effects differ, all have another")
    elif fewest < FEW:
        notices.append(
            f"only {fewest} rows in one arm: what weights leave of the confounding biases the estimate, and about 91% "
            "of such intervals hold the truth; doubly_robust and linear_regression do better"
        )
    alike = rows_that_count(arms, weights) if overlapping else overlap(arms, raw)
    return Answer(effect, study.n, checks=(alike, balance(study, arms, weights)), notices=tuple(notices))


def _weights(arms: Floats, propensity: Floats, overlapping: bool) -> tuple[Floats, Floats]:
    """The weights (n), and how far they move with the propensity's linear predictor (n)."""
    other = np.where(arms == 1, 1 - propensity, propensity)
    sign = np.where(arms == 1, -1.0, 1.0)
    if overlapping:
        return other, sign * propensity * (1 - propensity)
    return 1 / (1 - other), sign * other / (1 - other)
