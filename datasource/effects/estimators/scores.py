"""Orthogonal scores: one number a row whose mean is the effect, of all rows or of a group of them."""

from collections.abc import Sequence

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.by_group import FEWEST_IN_A_GROUP, parts
from datasource.effects.inference import estimate
from datasource.effects.result import NO_ESTIMATE, Answer, Check, Estimate, Group
from datasource.effects.study import Study


def augmented_scores(outcome: Floats, arms: Floats, propensity: Floats, treated: Floats, untreated: Floats) -> Floats:
    """The augmented inverse propensity weighted score (n) of Robins, Rotnitzky and Zhao (1994).

    `treated` and `untreated` (n) are the expected outcomes with and without the treatment.
    """
    scores: Floats = (
        treated
        - untreated
        + arms * (outcome - treated) / propensity
        - (1 - arms) * (outcome - untreated) / (1 - propensity)
    )
    return scores


def orthogonal_scores(outcome: Floats, treatment: Floats, effects: Floats, variance: Floats) -> Floats:
    """The score (n) of the average effect of one unit more, for a treatment of any kind.

    From the residuals of outcome and treatment (n), the `effects` (n) predicted for the rows and the `variance` (n)
    of the treatment's residuals. For a binary treatment of variance p (1 - p) it is the augmented inverse propensity
    weighted score (Chernozhukov et al. 2018; Hirshberg and Wager 2021).
    """
    scores: Floats = effects + treatment / variance * (outcome - treatment * effects)
    return scores


def answer_from_scores(study: Study, scores: Floats, checks: Sequence[Check] = ()) -> Answer:
    """The mean of the scores (n), and that of each unit and each modifier's level, with their intervals."""
    groups = []
    for part in parts(study):
        n = int(part.rows.sum())
        effect = mean_of(study.take(part.rows), scores[part.rows]) if n >= FEWEST_IN_A_GROUP else NO_ESTIMATE
        groups.append(Group(part.modifier, part.level, effect, n))
    return Answer(mean_of(study, scores), study.n, groups=tuple(groups), checks=tuple(checks))


def mean_of(study: Study, scores: Floats) -> Estimate:
    """The mean of the scores (n) of a study's rows, with its interval."""
    mean = float(np.mean(scores))
    return estimate(mean, (scores - mean) / len(scores), study)
