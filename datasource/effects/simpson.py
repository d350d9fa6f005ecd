"""Simpson's paradox: the association in aggregate beside those within the strata."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.inference import estimate
from datasource.effects.result import NO_ESTIMATE, Estimate, Group, Stratified
from datasource.effects.study import NO_COLUMNS, Ints, Study, StudyError
from datasource.numerics import least_squares

FEWEST_ROWS = 3
"""A stratum of fewer rows has no slope of its own."""


def stratify(study: Study, strata: Ints, names: Sequence[str], label: str = "strata") -> Stratified:
    """The slope of the outcome on the treatment in aggregate, within each stratum, and the latter averaged.

    `strata` (n) number the stratum of each row by place in `names`. Nothing but the strata is held fixed. The average
    weighs each stratum by its rows (standardisation, Pearl 2014, "Understanding Simpson's paradox"); strata where the
    treatment does not move count in none of it. Raises StudyError where it moves in no stratum.
    """
    bare = replace(study, adjustment=NO_COLUMNS, units=None, treatment=study.treatment[:, :1])
    within, slopes = [], []
    influence, share = np.zeros(study.n), np.zeros(study.n, dtype=bool)
    for stratum, name in enumerate(names):
        rows = strata == stratum
        if not rows.any():
            continue
        own = _slope(bare.take(rows))
        within.append(Group(label, name, own[0], int(rows.sum())))
        if own[1] is not None:
            slopes.append((own[0].value, int(rows.sum())))
            influence[rows], share[rows] = own[1] * rows.sum(), True
    if not slopes:
        raise StudyError(f"{study.treatment_name} is constant within every stratum of {label}; choose coarser strata")
    total = sum(rows for _, rows in slopes)
    value = sum(slope * rows for slope, rows in slopes) / total
    average = estimate(value, influence[share] / total, bare.take(share), 2 * len(slopes))
    aggregate = linear_regression(bare).effect
    return Stratified(label, aggregate, tuple(within), average, _reversed(aggregate, average))


def _slope(rows: Study) -> tuple[Estimate, Floats | None]:
    """The slope within one stratum and its influence values; None where the treatment does not move."""
    moves = rows.n >= FEWEST_ROWS and bool((rows.treatment != rows.treatment[0]).any())
    fit = least_squares(rows.outcome, rows.treatment) if moves else None
    if fit is None or not np.isfinite(fit.coefficients[1]):
        return NO_ESTIMATE, None
    influence = fit.weights[:, 1] * fit.residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    return estimate(float(fit.coefficients[1]), influence, rows, fit.rank), influence


def _reversed(one: Estimate, other: Estimate) -> bool:
    return (one.lower > 0 and other.upper < 0) or (one.upper < 0 and other.lower > 0)
