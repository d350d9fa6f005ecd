"""The linear regression that several checks look at: outcome on treatment and adjustment set."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.series import memory
from datasource.effects.estimators.linear_regression import ordinary_fit
from datasource.effects.study import Study, StudyError


class OutcomeRegression(NamedTuple):
    """Ordinary least squares of the outcome.

    `effect` is the sum over the treatment's lags. `residuals` (n) are what is left of the outcome, `treatment_left`
    (n) what is left of the treatment beside its other lags and what is adjusted for. `leverage` is (n).
    `parameters` counts the coefficients, `effective_n` the independent rows that have the same information.
    """

    effect: float
    residuals: Floats
    treatment_left: Floats
    leverage: Floats
    parameters: int
    effective_n: float

    @property
    def weights(self) -> Floats:
        """How far an error of 1 in each row moves the effect (n)."""
        weights: Floats = self.treatment_left / (self.treatment_left @ self.treatment_left)
        return weights


def outcome_regression(study: Study) -> OutcomeRegression:
    """Fit it. Raises StudyError where the treatment does not move on its own, or rows are too few.

    The effective n of autocorrelated rows is n (1 - r) / (1 + r), r the product of the autocorrelations at one step of
    what is left of treatment and outcome (Bartlett 1935).
    """
    return study.once(_outcome_regression)


def _outcome_regression(study: Study) -> OutcomeRegression:
    fit = study.once(ordinary_fit)
    first = len(fit.coefficients) - study.treatment.shape[1]
    if fit.rank == 0:
        raise StudyError(f"{study.n:,} rows do not carry {study.coefficients} coefficients; give more rows")
    slopes = fit.coefficients[first:]
    weights = fit.weights[:, first:].sum(axis=1)
    length = float(np.abs(weights).max(initial=0))
    if np.isnan(slopes).any() or not length > 0:
        raise StudyError(f"{study.treatment_name} does not move on its own beside what is adjusted for")
    scaled = weights / length
    left = scaled / (scaled @ scaled) / length
    shared = float(np.clip(memory(left, study) * memory(fit.residuals, study), 0, 1 - 1e-6))
    effective = study.n * (1 - shared) / (1 + shared)
    return OutcomeRegression(float(slopes.sum()), fit.residuals, left, fit.leverage, fit.rank, effective)
