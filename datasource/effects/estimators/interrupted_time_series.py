"""Interrupted time series: how level and trend of one series change where something begins."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import AutoregressiveError, autoregressive_error
from datasource.effects.estimators.single_intervention import single_comparison
from datasource.effects.inference import from_error
from datasource.effects.result import Answer, Check, Estimate, Group
from datasource.effects.study import Ints, Study, StudyError

_NAME = "interrupted_time_series"
_FEWEST = 8
"""So many times before the start at least: a level, a trend, and something to judge them by."""
_PLACEBOS, _SERIES = 5, 40
"""So many dates before the start are tried, where there are so many times."""

_ROUNDING = 1e-10
"""Residuals smaller than this part of the outcome are rounding of an exact trend."""


def interrupted_time_series(study: Study) -> Answer:
    """Segmented regression of one series (Wagner, Soumerai, Zhang and Ross-Degnan 2002).

    Level and trend before the start, and the coefficients of what is adjusted for, go on as what would have been. The
    effect is the average gap to it while the treatment is on; `groups` have the change of the level at the start and
    that of the trend, by step. Intervals allow for autocorrelated errors, noise beside autoregressions learnt before
    the start, and for the fit's own uncertainty. Raises StudyError for several series, for a treatment that comes and
    goes, and with fewer than 8 times before the start or 1 after it.
    """
    if study.unit_count > 1:
        raise StudyError(
            f"{_NAME} is for one series, and there are {study.unit_count} units; give the rows of one, or use "
            "difference_in_differences"
        )
    if study.times is None:
        raise StudyError(f"{_NAME} compares before with after; give the column of times")
    if len(np.unique(study.times)) < study.n:
        raise StudyError(f"{_NAME} needs one row for each time; some rows share their time")
    on = study.binary(_NAME) == 1
    first = int(np.argmax(on))
    last = study.n - int(np.argmax(on[::-1]))
    if not on[first:last].all():
        raise StudyError(
            f"{study.treatment_name} comes and goes; give rows with one start, or use backdoor.distributed_lag"
        )
    if first < _FEWEST:
        raise StudyError(f"{first} times before the start; give at least {_FEWEST}, better 100")
    notices = []
    if last < study.n:
        notices.append(f"{study.n - last:,} rows after the end are left out")
    series = _Series(study.outcome[:last], study.times[:last], study.adjusted[:last])
    moving = _moving(series.columns[:first])
    if not moving.all():
        still = [name for name, moves in zip(study.adjustment.names, moving, strict=True) if not moves]
        notices.append(f"not adjusted for, constant before the start: {', '.join(still)}")
        series = series._replace(columns=series.columns[:, moving])
    if first < _FEWEST + series.columns.shape[1]:
        raise StudyError(f"{first} times before the start are too few to adjust for {series.columns.shape[1]} columns")
    fit = _fitted(series, first)
    post = np.arange(last) >= first
    if not fit.process.variance > 0:
        notices.append(f"{study.outcome_name} is exactly on its trend before the start: no interval")
    comparison = single_comparison(
        series.times, series.outcome, np.full(last, np.nan), fit.counterfactual, post, fit.process,
        (fit.design, fit.inner),
    )  # fmt: skip
    groups = [Group("part", name, one, last) for name, one in _changes(series, first, fit)]
    return Answer(
        comparison.average,
        last,
        groups=tuple(groups),
        checks=(_trend(fit.process), _placebo_dates(series, first)),
        notices=tuple(notices),
        comparison=comparison,
    )


class _Series(NamedTuple):
    """One series: outcome (n), places on the grid (n), what is adjusted for (n, k)."""

    outcome: Floats
    times: Ints
    columns: Floats


class _Fit(NamedTuple):
    """What the rows before the start say: design (n, 2 + k), the hat matrix's inner one, what would have been (n)."""

    design: Floats
    inner: Floats
    counterfactual: Floats
    process: AutoregressiveError


def _fitted(series: _Series, first: int) -> _Fit:
    """Level, trend and coefficients of the columns from the rows before `first`."""
    elapsed = (series.times - series.times[first]).astype(np.float64)
    bare = np.column_stack([elapsed, series.columns])
    before = bare[:first]
    scale = before.std(axis=0)
    design = np.column_stack([np.ones(len(bare)), (bare - before.mean(axis=0)) / np.where(scale > 0, scale, 1.0)])
    inner = np.linalg.pinv(design[:first].T @ design[:first], hermitian=True)
    counterfactual = design @ (inner @ (design[:first].T @ series.outcome[:first]))
    residuals = series.outcome[:first] - counterfactual[:first]
    residuals[np.abs(residuals) <= _ROUNDING * np.abs(series.outcome[:first]).max()] = 0.0
    process = autoregressive_error(residuals, series.times[:first], design[:first], inner)
    return _Fit(design, inner, counterfactual, process)


def _changes(series: _Series, first: int, fit: _Fit) -> list[tuple[str, Estimate]]:
    """The change of the level at the start, and that of the trend by step where there are three times after it.

    Both are the line through the gaps after the start; weights (2, n) say what each row adds to them.
    """
    elapsed = (series.times[first:] - series.times[first]).astype(np.float64)
    names = ("change of the level", "change of the trend, by step")[: 2 if len(elapsed) > 2 else 1]
    line = np.column_stack([np.ones(len(elapsed)), elapsed])[:, : len(names)]
    after = np.linalg.pinv(line)
    before = -after @ fit.design[first:] @ fit.inner @ fit.design[:first].T
    weights = np.column_stack([before, after])
    values = after @ (series.outcome - fit.counterfactual)[first:]
    known = fit.process.variance > 0
    errors = fit.process.errors(weights, series.times) if known else np.full(len(names), np.nan)
    estimates = [from_error(float(v), float(e), fit.process.freedom) for v, e in zip(values, errors, strict=True)]
    return list(zip(names, estimates, strict=True))


def _moving(columns: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    largest = np.abs(columns).max(axis=0, initial=0)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = columns.std(axis=0) > 1e-12 * np.maximum(largest, 1e-300)
    return found


def _trend(process: AutoregressiveError) -> Check:
    """Whether the series comes back to its trend before the start."""
    if process.drifting:
        return Check(
            "pre-period fit", False, "before the start the series drifts away from its trend: the trend says little"
        )
    return Check("pre-period fit", True, "before the start the series comes back to its trend")


def _placebo_dates(series: _Series, first: int) -> Check:
    """The same average at dates before the start, where there is nothing to be found."""
    name, width = "placebo dates", series.columns.shape[1]
    if first < _SERIES + width:
        return Check(name, None, f"{first} times before the start are too few for placebo dates; {_SERIES} would do")
    dates = np.unique(np.linspace(first / 2, 5 * first / 6, _PLACEBOS).round().astype(int)).tolist()
    early = _Series(series.outcome[:first], series.times[:first], series.columns[:first])
    seen = 0
    for date in dates:
        fit = _fitted(early, date)
        if not fit.process.variance > 0:
            continue
        weights = np.append(-fit.design[:date] @ fit.inner @ fit.design[date:].mean(axis=0), np.full(first - date, 1.0))
        weights[date:] /= first - date
        gap = float((early.outcome - fit.counterfactual)[date:].mean())
        error = float(fit.process.errors(weights, early.times)[0])
        seen += from_error(gap, error, fit.process.freedom).p_value < 0.05 / len(dates)
    return Check(name, seen == 0, f"{seen} of {len(dates)} dates before the start show an effect that cannot be there")
