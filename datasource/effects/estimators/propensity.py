"""The propensity score: how probable the treatment was, given what is adjusted for."""

from typing import Any

import numpy as np

from datasource.effects.estimators.folds import splits
from datasource.effects.result import Check
from datasource.effects.study import Ints, Study, StudyError
from datasource.telemetry import Floats

FEWEST_IN_AN_ARM = 10
_ROWS_A_COLUMN = 3
LOWEST = 0.01
"""Propensities below, and above one minus this, count as this: no row weighs more than a hundred."""
_THIN, _SHARE, _EFFECTIVE = 0.05, 0.1, 30


def treatment_arms(study: Study, method: str) -> Floats:
    """The treatment (n) as 0 and 1.

    Raises StudyError for other treatments, and where either arm has fewer than 10 rows or three a column adjusted for.
    """
    arms = study.binary(method)
    fewest, columns = int(min(arms.sum(), study.n - arms.sum())), study.controls.shape[1]
    wanted = max(FEWEST_IN_AN_ARM, _ROWS_A_COLUMN * columns)
    if fewest < wanted:
        raise StudyError(
            f"{study.treatment_name} has one of its two values in {fewest} of {study.n:,} rows, and {method} needs "
            f"{wanted} to adjust for {columns} columns: take a longer range, adjust for less, or use linear_regression"
        )
    return arms


def fit_propensity(columns: Floats, arms: Floats) -> Any:
    """scikit-learn's logistic regression of `arms` (n) on standardised `columns` (n, k), ridge penalty 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    solver = "newton-cholesky" if (columns != columns[0]).any() else "lbfgs"
    model = make_pipeline(StandardScaler(), LogisticRegression(solver=solver, tol=1e-6, max_iter=200))
    return model.fit(columns, arms)


def propensities(columns: Floats, arms: Floats, folds: Ints | None = None) -> Floats:
    """P(treated | columns) of each row (n), within [0.01, 0.99]; with `folds` by models fitted on the other folds."""
    if not columns.shape[1]:
        columns = np.zeros((len(arms), 1))
    everything = np.arange(len(arms))
    expected = np.full(len(arms), arms.mean())
    for train, test in splits(folds) if folds is not None else [(everything, everything)]:
        if 0 < arms[train].mean() < 1:
            expected[test] = fit_propensity(columns[train], arms[train]).predict_proba(columns[test])[:, 1]
    within: Floats = np.clip(expected, LOWEST, 1 - LOWEST)
    return within


def overlap(arms: Floats, propensity: Floats) -> Check:
    """Whether rows alike are found with and without the treatment: few extreme propensities, and weights that spread.

    Extreme is below 5% or above 95% of a treatment that half of the rows have; of a rarer one, below a tenth of its
    share. The effective sample size of an arm is (sum w)^2 / sum w^2 of its inverse propensity weights (Kish 1965).
    """
    share = float(arms.mean())
    low, high = min(_THIN, 2 * _THIN * share), 1 - min(_THIN, 2 * _THIN * (1 - share))
    outside = float(((propensity < low) | (propensity > high)).mean())
    treated, untreated = (
        float(weights.sum() ** 2 / (weights**2).sum())
        for weights in (1 / propensity[arms == 1], 1 / (1 - propensity[arms == 0]))
    )
    passed = outside <= _SHARE and min(treated, untreated) >= _EFFECTIVE
    text = (
        f"{outside:.0%} of the rows have a propensity outside [{low:.2g}, {high:.3g}]; the weighted rows are worth "
        f"{treated:,.0f} of {int((arms == 1).sum()):,} with the treatment and {untreated:,.0f} of "
        f"{int((arms == 0).sum()):,} without"
    )
    advice = (
        "" if passed else "; where only one of the two occurs the model extrapolates: narrow the rows or adjust less"
    )
    return Check("overlap", passed, text + advice)
