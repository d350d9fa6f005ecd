"""Residual autocorrelation: whether the rows left over follow each other, and whether the interval knows."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.refit import WHITENING
from datasource.effects.checks.series import autocorrelations, memory, on_grid
from datasource.effects.inference import MANY_UNITS
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study, StudyError

NAME = "residual autocorrelation"
_DRIFT = 50


class LjungBox(NamedTuple):
    """The portmanteau statistic and its p-value."""

    statistic: float
    p_value: float


def ljung_box(grid: Floats, lags: int) -> LjungBox:
    """Ljung and Box (1978) of residuals (units, times), NaN where missing: statistics and freedoms add up by unit."""
    there = np.isfinite(grid).sum(axis=1, keepdims=True)
    steps = np.arange(1, lags + 1)
    known = there[:, 0] > lags + 1
    terms = autocorrelations(grid, lags) ** 2 * there * (there + 2) / np.maximum(there - steps, 1)
    statistic = float(terms[known].sum())
    return LjungBox(statistic, float(stats.chi2.sf(statistic, lags * max(int(known.sum()), 1))))


def residual_autocorrelation(study: Study, method: Method, answer: Answer) -> Check | None:
    """How strongly the residuals of the outcome regression follow each other; series only.

    Every interval on series allows for it, as far as residuals come back to their mean. Failed where they drift along
    with the treatment, so that the rows are worth fewer than 50 independent ones: between such series there are effects
    that do not exist (Granger and Newbold 1974), and in simulations 95% intervals covered less than 85%. Methods that
    model the errors' memory, and twenty units or more as clusters, bear memory of any length.
    """
    if study.times is None or method.identified_by == "comparison":
        return None
    fit = outcome_regression(study)
    grid = on_grid(fit.residuals, study)
    length = grid.shape[1]
    lags = min(10, length // 5)
    if lags < 1:
        raise StudyError(f"{length} times are too few to see whether residuals follow each other; give at least 20")
    held, found = memory(fit.residuals, study), ljung_box(grid, lags)
    said = (
        "no sign of autocorrelation" if found.p_value > 0.05 else f"residuals follow each other, {held:.2f} at a step"
    )
    text = f"{said} (Ljung-Box p {found.p_value:.2g} at {lags} lags)"
    if study.unit_count >= MANY_UNITS:
        return Check(NAME, True, f"{text}; the interval is clustered by unit")
    if method.name not in WHITENING and fit.effective_n < _DRIFT and found.p_value <= 0.05:
        return Check(
            NAME,
            False,
            f"{text}: they drift along with the treatment, {study.n:,} rows are worth {fit.effective_n:,.0f} and the "
            "interval is too narrow; use backdoor.distributed_lag, or give a longer time",
        )
    return Check(NAME, True, text if found.p_value > 0.05 else f"{text}; the interval allows for it")
