"""Delayed effect: whether the treatment goes on acting after the lags that the estimate counts."""

import numpy as np
from scipy import stats

from datasource.data import Floats
from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.series import moved, places
from datasource.effects.inference import MANY_UNITS
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Ints, Study, StudyError
from datasource.numerics import Regression, glsar, long_run_covariance, long_run_terms
from datasource.numerics.grid import closed_up, summed

NAME = "delayed effect"
_FURTHER, _ORDER = 3, 5
_LEVEL, _MATTERS, _MOVES = 0.01, 0.1, 10


def delayed_effect(study: Study, method: Method, answer: Answer) -> Check | None:
    """A joint Wald test of three further lags of the treatment in a GLSAR(5) regression; series only.

    What is adjusted for comes in at those lags too: the earlier treatment has its own confounders, at its own time.

    Failed when p is below 1% and a further lag has at least a tenth of the effect, also without the 1% of rows that
    carry the further lags most: one incident's edge is not a delay. Not made for instruments and front doors, where a
    plain regression is confounded.
    """
    if study.times is None or method.identified_by not in {"adjustment", "randomisation"}:
        return None
    rows, further = _further_lags(study)
    width = study.coefficients - 1
    if len(rows) < max(50, 3 * (width + further.shape[1] + 1)):
        raise StudyError(f"{len(rows):,} rows with {_FURTHER} further lags are too few to look for later effects")
    later = study.take(rows)
    now = outcome_regression(later).effect
    fit = _fitted(later, further)
    slopes, p_value = fit.coefficients[-_FURTHER:], wald(fit, later, _FURTHER)
    over = f"effects are over after {_steps(study.lags)}"
    text = f"{_FURTHER} further lags of {study.treatment_name} have p {p_value:.2g} together"
    strongest = int(np.argmax(np.abs(slopes)))
    if p_value >= _LEVEL or abs(slopes[strongest]) < _MATTERS * abs(now):
        return Check(NAME, True, f"{over}: {text}")
    carried = np.abs(fit.weights[:, -_FURTHER:]).max(axis=1)
    kept = np.ones(later.n, dtype=bool)
    most = np.argsort(-carried, kind="stable")[: int(np.ceil(0.01 * later.n))]
    kept[np.searchsorted(places(later), fit.positions)[most]] = False
    rest = _fitted(later.take(kept), further[kept])
    again = wald(rest, later.take(kept), _FURTHER)
    if again >= _LEVEL or np.abs(rest.coefficients[-_FURTHER:]).max() < _MATTERS * abs(now):
        return Check(NAME, True, f"{over}: {text}, and {again:.2g} without a few rows that carry them")
    size = "more than" if not abs(now) > 0 else f"{abs(slopes[strongest] / now):.0%} of"
    return Check(
        NAME,
        False,
        f"effects arrive later too: {study.lags + _FURTHER} lags are better than {study.lags}; {text}, "
        f"that after {_steps(study.lags + 1 + strongest)} is {size} the effect",
    )


def _fitted(study: Study, further: Floats) -> Regression:
    """The regression with further lags (n, m) as its last columns. Raises StudyError where they are not their own."""
    columns = _each_once(np.column_stack([study.adjusted, study.treatment, further]))
    fit = glsar(study.outcome, columns, _ORDER, 5, places(study), study.feedback, study.units)
    if not np.isfinite(fit.coefficients[-_FURTHER:]).all():
        raise StudyError(f"further lags of {study.treatment_name} are not to be told from what is adjusted for")
    squares = (fit.weights[:, -_FURTHER:] / np.abs(fit.weights[:, -_FURTHER:]).max(axis=0)) ** 2
    if (squares.sum(axis=0) ** 2 / (squares**2).sum(axis=0)).min() < _MOVES:
        raise StudyError(f"{study.treatment_name} moves too rarely to tell its later effects from its earlier ones")
    return fit


def _each_once(columns: Floats) -> Floats:
    """Columns (n, k) without what is there before; the further lags of the treatment, which are last, stay."""
    first: dict[bytes, int] = {}
    for place, column in enumerate(columns[:, :-_FURTHER].T):
        first.setdefault(column.tobytes(), place)
    return columns[:, [*first.values(), *range(columns.shape[1] - _FURTHER, columns.shape[1])]]


def _steps(count: int) -> str:
    return f"{count} step{'s' if count != 1 else ''}"


def wald(fit: Regression, study: Study, last: int) -> float:
    """The p-value of the last coefficients being 0 together, allowing for autocorrelation.

    Equal-weighted cosines of the scores and F(m, B - m + 1) quantiles for m coefficients and B terms (Lazarus, Lewis,
    Stock and Watson 2018); clusters by unit where there are many.
    """
    slopes = fit.coefficients[-last:]
    errors = fit.residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    influence = fit.weights[:, -last:] * errors[:, None]
    largest = np.abs(influence).max(axis=0)
    if not (largest > 0).all():
        return float(not slopes.any())
    influence = influence / largest
    rows = np.searchsorted(places(study), fit.positions)
    if study.units is not None and study.unit_count >= MANY_UNITS:
        sums = summed(influence, np.unique(study.units[rows], return_inverse=True)[1])
        terms = len(sums) - 1
        variance = sums.T @ sums * (len(sums) / terms)
    else:
        assert study.times is not None
        sums = summed(influence, closed_up(study.times[rows]))
        terms = long_run_terms(len(sums), study.window)
        variance = long_run_covariance(sums.T, study.window)
    scaled = slopes / largest
    statistic = float(scaled @ np.linalg.pinv(variance) @ scaled)
    freedom = max(terms - last + 1, 1)
    return float(stats.f.sf(statistic * freedom / (terms * last), last, freedom))


def _further_lags(study: Study) -> tuple[Ints, Floats]:
    """The rows that are known further back, and their adjustment set and, last, their treatment there: (m, 3 k + 3)."""
    past = np.column_stack([study.adjusted, study.treatment[:, -1]])
    back = np.stack([moved(past, study, -steps) for steps in range(1, _FURTHER + 1)], axis=2)
    further = back.reshape(study.n, -1)
    rows = np.flatnonzero(np.isfinite(further).all(axis=1))
    return rows, further[rows]
