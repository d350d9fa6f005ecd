"""Extreme points: the estimate must not rest on a handful of rows."""

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.outcome_regression import OutcomeRegression, outcome_regression
from datasource.effects.checks.refit import clear, rows_of
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Ints, Study, StudyError

NAME = "extreme points"


def extreme_points(study: Study, method: Method, answer: Answer) -> Check:
    """The estimate without the 1% of rows that move it most; a clear one keeps its sign and half its size.

    Rows count by how far the regression's effect goes when they are left out one by one, which is Cook's distance of
    that coefficient (DFBETA; Cook 1977; Belsley, Kuh and Welsch 1980). Of an event no more than a twentieth of the rows
    with it are left out, or none of a rare one would remain. An estimate that is not clear stays within its interval
    and within the one without those rows.
    """
    rows = rows_of(study, method)
    fit = outcome_regression(rows)
    out = _largest(fit, rows)
    kept = np.ones(rows.n, dtype=bool)
    kept[out] = False
    effect, without = answer.effect, method.estimate(rows.take(kept)).effect
    if not np.isfinite([effect.lower, effect.upper, without.value]).all():
        raise StudyError("without the most influential rows there is no estimate")
    if clear(effect):
        passed = without.value * np.sign(effect.value) >= abs(effect.value) / 2
    else:
        stays = effect.lower <= without.value <= effect.upper
        passed = stays and not (effect.value < without.lower or effect.value > without.upper)
    text = f"{without.value:.3g} without the {len(out):,} rows that move it most, {effect.value:.3g} with them"
    return Check(NAME, bool(passed), text if passed else f"a few rows make the estimate: {text}")


def left_out_changes(fit: OutcomeRegression) -> Floats:
    """How far the effect goes up or down when each row (n) is left out."""
    changes: Floats = -fit.weights * fit.residuals / np.maximum(1 - fit.leverage, 1e-12)
    return changes


def _largest(fit: OutcomeRegression, study: Study) -> Ints:
    usual = np.unique(study.treatment[:, 0], return_counts=True)[1].max()
    count = np.ceil(0.01 * study.n)
    if usual > study.n / 2:
        count = min(count, np.ceil(0.05 * (study.n - usual)))
    return np.argsort(-np.abs(left_out_changes(fit)), kind="stable")[: int(count)]
