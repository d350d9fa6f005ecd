"""The propensity score: how probable the treatment was, given what is adjusted for."""

from typing import Any

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.folds import splits
from datasource.effects.result import Check
from datasource.effects.standardise import standardised
from datasource.effects.study import Ints, Study, StudyError

FEWEST_IN_AN_ARM = 10
_ROWS_A_COLUMN = 3
LOWEST = 0.01
"""Propensities below, and above one minus this, count as this: no row weighs more than a hundred."""
_THIN, _SHARE, _EFFECTIVE = 0.05, 0.1, 30
_ALIKE = 0.1


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
    """P(treated | columns) of each row (n), between 0 and 1; with `folds` by models fitted on the other folds."""
    if not columns.shape[1]:
        columns = np.zeros((len(arms), 1))
    everything = np.arange(len(arms))
    expected = np.full(len(arms), arms.mean())
    for train, test in splits(folds) if folds is not None else [(everything, everything)]:
        if 0 < arms[train].mean() < 1:
            expected[test] = fit_propensity(columns[train], arms[train]).predict_proba(columns[test])[:, 1]
    return expected


def held(propensity: Floats) -> Floats:
    """Propensities (n) held within [0.01, 0.99]: no row weighs more than a hundred."""
    within: Floats = np.clip(propensity, LOWEST, 1 - LOWEST)
    return within


def overlap(arms: Floats, propensity: Floats) -> Check:
    """Whether rows alike are found with and without the treatment: few extreme propensities, and weights that spread.

    Judged on propensities (n) as they are, before any is held. Extreme is below 5% or above 95% of a treatment that
    half of the rows have; of a rarer one, below a tenth of its share. The effective sample size of an arm is
    (sum w)^2 / sum w^2 of its inverse propensity weights (Kish 1965).
    """
    share = float(arms.mean())
    low, high = min(_THIN, 2 * _THIN * share), 1 - min(_THIN, 2 * _THIN * (1 - share))
    outside = float(((propensity < low) | (propensity > high)).mean())
    some = np.clip(propensity, 1e-9, 1 - 1e-9)
    treated, untreated = kish(1 / some[arms == 1]), kish(1 / (1 - some[arms == 0]))
    passed = outside <= _SHARE and min(treated, untreated) >= _EFFECTIVE
    text = (
        f"{outside:.0%} of the rows have a propensity outside [{low:.2g}, {high:.3g}]; the weighted rows are worth "
        f"{treated:,.0f} of {int((arms == 1).sum()):,} with the treatment and {untreated:,.0f} of "
        f"{int((arms == 0).sum()):,} without"
    )
    advice = (
        ""
        if passed
        else "; where only one of the two occurs the model extrapolates: narrow the rows, adjust less, or use "
        "backdoor.overlap_weighting, which asks about the rows that could have had either"
    )
    return Check("overlap", passed, text + advice)


def rows_that_count(arms: Floats, weights: Floats) -> Check:
    """Whether enough rows could have had either treatment: weights (n) that are worth 30 rows in each arm."""
    treated, untreated = kish(weights[arms == 1]), kish(weights[arms == 0])
    text = f"rows that could have had either are worth {treated:,.0f} with the treatment and {untreated:,.0f} without"
    passed = min(treated, untreated) >= _EFFECTIVE
    return Check("overlap", passed, text if passed else f"{text}; give more of them")


def balance(study: Study, arms: Floats, weights: Floats) -> Check:
    """Whether the weights (n) make the arms alike in what is adjusted for, and in its squares.

    Differences of weighted means in standard deviations, of all rows as they are (standardised mean differences, Austin
    2009). Failed from a tenth on, and beyond what chance does to as few rows as the weights are worth (99%).
    """
    if not study.adjustment.names:
        return Check("covariate balance", None, "nothing is adjusted for")
    treated, untreated = arms == 1, arms == 0
    worth = 1 / kish(weights[treated]) + 1 / kish(weights[untreated])
    limit = max(_ALIKE, 2.6 * float(np.sqrt(worth)))
    worst, said = 0.0, ""
    for name, column in zip(study.adjustment.names, standardised(study.adjustment.values).T, strict=True):
        for power, kind in ((1, ""), (2, "the square of ")):
            moment = column**power
            spread = float(moment.std())
            if not spread > 1e-9:
                continue
            means = [float(np.average(moment[arm], weights=weights[arm])) for arm in (treated, untreated)]
            difference = abs(means[0] - means[1]) / spread
            if difference > worst:
                worst, said = difference, f"{kind}{name}"
    text = f"the arms differ by {worst:.2g} standard deviations at most, in {said}" if said else "the arms are alike"
    passed = worst <= limit
    advice = "" if passed else ": what is left of the confounding biases the effect; use linear_regression beside it"
    return Check("covariate balance", passed, text + advice)


def kish(weights: Floats) -> float:
    """How many rows of equal weight these weights (n) are worth: (sum w)^2 / sum w^2 (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())
