"""Regression adjustment: the coefficient of the treatment beside the adjustment set."""

import numpy as np

from datasource.effects.inference import estimate
from datasource.effects.result import Answer
from datasource.effects.study import Study, StudyError
from datasource.numerics import Regression, honest_residuals, least_squares


def linear_regression(study: Study) -> Answer:
    """Ordinary least squares; with lags, the effect at each lag and their sum.

    Every unit has an intercept of its own. Influence values are leverage corrected (HC2, MacKinnon and White 1985).
    """
    fit = study.once(ordinary_fit)
    first = len(fit.coefficients) - study.treatment.shape[1]
    slopes = fit.coefficients[first:]
    if fit.rank == 0:
        raise StudyError(f"{study.n:,} rows do not carry {study.coefficients} coefficients; give more rows")
    if np.isnan(slopes).any():
        raise StudyError(
            f"{study.treatment_name} does not move on its own: it is constant, or moves only with what is adjusted for"
        )
    errors = honest_residuals(fit)
    influence = fit.weights[:, first:] * errors[:, None]
    total = estimate(float(slopes.sum()), influence.sum(axis=1), study, fit.rank)
    per_lag = tuple(
        estimate(float(slope), influence[:, lag], study, fit.rank) for lag, slope in enumerate(slopes.tolist())
    )
    return Answer(total, study.n, per_lag if study.lags else ())


def ordinary_fit(study: Study) -> Regression:
    """Ordinary least squares on what is adjusted for and, last, the treatment's lags."""
    return least_squares(study.outcome, np.column_stack([study.adjusted, study.treatment]), groups=study.units)
