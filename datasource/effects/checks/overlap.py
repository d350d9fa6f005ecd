"""Overlap: rows that are alike in what is adjusted for, with and without the treatment."""

import numpy as np

from datasource.data import Floats
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.standardise import standardised
from datasource.effects.study import Mask, Study
from datasource.numerics import least_squares

NAME = "overlap"
_LEFT = 0.05
_OUTSIDE = 0.3


def overlap(study: Study, method: Method, answer: Answer) -> Check | None:
    """Whether the adjustment set leaves the treatment free to be otherwise.

    Two values: at most 30% of either group lie where the other has no propensity scores, below its 0.5% or above its
    99.5% quantile (common support, Dehejia and Wahba 1999). Other treatments: at least 5% of the variance is left
    beside what is adjusted for, a variance inflation of 20.
    """
    if method.identified_by != "adjustment" or study.controls.shape[1] == 0:
        return None
    treatment = study.treatment[:, 0]
    values = np.unique(treatment)
    if len(values) != 2:
        return _variation_left(study, treatment)
    treated = treatment == values[1]
    score = propensity(treated, study.controls)
    outside = max(
        float((score[treated] > np.quantile(score[~treated], 0.995)).mean()),
        float((score[~treated] < np.quantile(score[treated], 0.005)).mean()),
    )
    passed = outside <= _OUTSIDE
    text = f"{1 - outside:.0%} of the rows have their like with the other {study.treatment_name}"
    return Check(NAME, passed, text if passed else f"{text}: the rest of the effect is extrapolated")


def propensity(treated: Mask, controls: Floats) -> Floats:
    """Probability of treatment (n) by logistic regression on the controls (n, k): Newton's method, tiny ridge."""
    columns = np.column_stack([np.ones(len(treated)), standardised(controls)])
    penalty = np.diag([0.0, *np.full(columns.shape[1] - 1, 1e-8 * len(treated))])
    share = float(np.clip(np.mean(treated), 1e-9, 1 - 1e-9))
    coefficients = np.zeros(columns.shape[1])
    coefficients[0] = np.log(share / (1 - share))
    for _ in range(50):
        score = _logistic(columns @ coefficients)
        slope = columns.T @ (treated - score) - penalty @ coefficients
        weight = np.maximum(score * (1 - score), 1e-10)
        step = np.linalg.lstsq((columns.T * weight) @ columns + penalty, slope, rcond=None)[0]
        coefficients += np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    return np.clip(_logistic(columns @ coefficients), 1e-9, 1 - 1e-9)


def _variation_left(study: Study, treatment: Floats) -> Check:
    fit = least_squares(treatment, study.adjusted, groups=study.units)
    moves = treatment - treatment.mean()
    largest = float(np.abs(moves).max())
    if fit.rank == 0 or not largest > 0:
        return Check(NAME, None, "too few rows to say how far the adjustment set explains the treatment")
    freedom = study.n - fit.rank
    total = float(((moves / largest) ** 2).sum()) / (study.n - 1)
    left = min(float(((fit.residuals / largest) ** 2).sum()) / freedom / total, 1.0)
    text = f"{left:.1%} of the variance of {study.treatment_name} is left beside what is adjusted for"
    passed = left >= _LEFT
    return Check(NAME, passed, text if passed else f"{text}: it hardly moves on its own")


def _logistic(linear: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-np.clip(linear, -40, 40)))
    return probability
