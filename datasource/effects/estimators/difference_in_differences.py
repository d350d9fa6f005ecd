"""Difference in differences: the change of the treated less the change of the controls."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.autoregressive_error import autoregressive_error
from datasource.effects.estimators.event_study import (
    FEW,
    changes,
    errors_over_units,
    event_study_of_series,
    event_study_of_units,
)
from datasource.effects.estimators.panel_table import PanelTable, mean_of, panel_table
from datasource.effects.estimators.parallel_trends import parallel_trends_of_series, parallel_trends_of_units
from datasource.effects.estimators.single_intervention import times_over
from datasource.effects.estimators.two_groups import NO_FREEDOM, two_groups
from datasource.effects.estimators.two_way_effects import Gaps, two_way_gaps, without_columns
from datasource.effects.inference import MANY_UNITS, from_error, reach
from datasource.effects.result import Answer, Check, Comparison, Estimate
from datasource.effects.study import Ints, Study, StudyError

_NAME = "difference_in_differences"
_SERIES = 20
"""From so many times on, a series can tell how its own errors hang together."""


def difference_in_differences(study: Study) -> Answer:
    """Two-way fixed effects (units and times), or four cells of group and post where there are no units.

    Units that begin at different times are compared with those that have not begun (Borusyak, Jaravel and Spiess
    2024; Callaway and Sant'Anna 2021). The interval follows the design. Many units: clustered by unit; with fewer
    than 5 treated ones their spread is taken from the controls (Donald and Lang 2007; Conley and Taber 2011). Few
    units over 20 times or more: autocorrelated errors of the series treated less control. What is adjusted for has
    its coefficient from untreated places. Raises StudyError without controls, or without a time before the start.
    """
    if study.units is None or study.times is None:
        return two_groups(study)
    table = panel_table(study, _NAME)
    if table.group.all() and table.together:
        raise StudyError("no controls: every unit is treated from the same time on; give units that are not")
    table = without_columns(table)
    found = two_way_gaps(table)
    checks, notices = [], list(table.notices)
    if not table.together:
        starts = len(np.unique(table.began[table.group]))
        checks.append(
            Check(
                "staggered adoption",
                True,
                f"{starts} different starts: each unit is compared only with those that have not begun by then",
            )
        )
    lost = int((table.treated_now & np.isfinite(table.outcome)).sum() - found.answered.sum())
    if lost:
        notices.append(f"{lost} treated rows are left out: at their time no unit is left to compare with")
    units, m = table.outcome.shape
    if units < MANY_UNITS and m >= _SERIES:
        return _of_series(study, table, found, checks, notices)
    return _of_units(study, table, found, checks, notices)


def _of_units(study: Study, table: PanelTable, found: Gaps, checks: list[Check], notices: list[str]) -> Answer:
    """Units are independent: each counts with its own change."""
    group = table.group
    moved = changes(table)
    if table.together and group.sum() < FEW:
        change = np.array([_change(row, table.post) for row in found.gaps])
        controls = change[~group & np.isfinite(change)]
        freedom = float(len(controls) - 1)
        spread = float(controls.std(ddof=1)) if len(controls) > 1 else np.nan
        error = spread * np.sqrt(1 / group.sum() + 1 / max(len(controls), 1))
        notices.append(
            f"{int(group.sum())} treated unit(s): chance is judged by how the {len(controls)} controls differ"
        )
    else:
        centred = np.where(found.answered, found.gaps - found.average, found.gaps)
        sums = np.nansum(found.weights * centred, axis=1)
        clusters = int((found.weights != 0).any(axis=1).sum())
        error = float(np.sqrt((sums**2).sum() * clusters / (clusters - 1)))
        freedom = float(min(group.sum() - 1, clusters - 1))
    if freedom < 1 or not error > 0:
        checks.append(NO_FREEDOM)
        error, freedom = np.nan, 0.0
    average = from_error(found.average, float(error), freedom)
    checks.append(parallel_trends_of_units(moved))
    gaps = mean_of(np.where(group[:, None], found.gaps, np.nan))
    errors, freedoms = errors_over_units(found.gaps[group], found.gaps[~group])
    widths = errors * reach(freedoms)
    comparison = _comparison(table, gaps, widths, average, event_study_of_units(moved), found)
    return Answer(average, study.n, checks=tuple(checks), notices=tuple(notices), comparison=comparison)


def _of_series(study: Study, table: PanelTable, found: Gaps, checks: list[Check], notices: list[str]) -> Answer:
    """Few units over a long time: the series treated less control has autocorrelated errors."""
    group, times = table.group, table.times
    gaps = mean_of(np.where(group[:, None], found.gaps, np.nan))
    if table.together:
        difference = mean_of(table.outcome[group]) - mean_of(table.outcome[~group])
        whole = np.isfinite(difference)
        series, places, post = difference[whole], times[whole], table.post[whole]
        if not post.any() or post.all():
            raise StudyError("treated and controls share no time before the start, or none after it; give more times")
        average, band = _step(series, places, post)
        widths = np.full(len(times), np.nan)
        widths[whole] = band
        checks += [
            parallel_trends_of_series(series[~post], places[~post]),
            _placebo_dates(series[~post], places[~post]),
        ]
        events = event_study_of_series(series, places - table.first)
    else:
        error, freedom = _of_each(table, found)
        average = from_error(found.average, error, freedom)
        moved = changes(table)
        checks.append(Check("parallel trends", None, "not tested for few units that begin at different times"))
        events = tuple((step, Estimate(value, np.nan, np.nan)) for step, value in _plain(moved.steps, moved.mean))
        widths = np.full(len(times), np.nan)
    if np.isnan(average.lower):
        checks.append(NO_FREEDOM)
    comparison = _comparison(table, gaps, widths, average, events, found)
    return Answer(average, study.n, checks=tuple(checks), notices=tuple(notices), comparison=comparison)


def _step(series: Floats, places: Ints, post: np.ndarray) -> tuple[Estimate, Floats]:
    """The mean after less the mean before, and the half width of the band at each place."""
    before = ~post
    design = np.column_stack([before, post]).astype(np.float64)
    weights = post / post.sum() - before / before.sum()
    levels = design @ (design.T @ series / design.sum(axis=0))
    process = autoregressive_error(series - levels, places, design)
    if not process.variance > 0:
        return Estimate(float(weights @ series), np.nan, np.nan), np.full(len(series), np.nan)
    average = from_error(float(weights @ series), float(process.errors(weights, places)[0]), process.freedom)
    point = from_error(0.0, float(np.sqrt(process.variance)), process.freedom)
    return average, np.full(len(series), point.upper)


def _of_each(table: PanelTable, found: Gaps) -> tuple[float, float]:
    """The error of the average with autocorrelated errors of each unit of its own, and its degrees of freedom."""
    total, freedoms = 0.0, []
    for unit in range(len(table.outcome)):
        there = np.isfinite(found.gaps[unit])
        if there.sum() < 4:
            continue
        after = (table.treated_now[unit] & there)[there].astype(np.float64)
        design = np.column_stack([1 - after, after]) if after.any() else np.ones((int(there.sum()), 1))
        values, places = found.gaps[unit, there], table.times[there]
        rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        process = autoregressive_error(rest, places, design)
        if not process.freedom >= 1:
            continue
        total += float(process.errors(found.weights[unit, there], places)[0]) ** 2
        freedoms.append(process.freedom)
    units = len(table.outcome)
    return float(np.sqrt(total * units / (units - 1))), min(freedoms, default=0.0)


def _placebo_dates(series: Floats, places: Ints) -> Check:
    """The same estimate at five dates before the start, where there is nothing to be found."""
    m, name = len(series), "placebo dates"
    if m < _SERIES or not (series != series[0]).any():
        return Check(name, None, f"{m} times before the start are too few for placebo dates; 20 would do")
    dates = np.unique(np.linspace(m / 6, 5 * m / 6, 5).round().astype(int)).tolist()
    p_values = [_step(series, places, np.arange(m) >= date)[0].p_value for date in dates]
    seen = sum(p < 0.05 / len(dates) for p in p_values)
    said = f"{seen} of {len(dates)} dates before the start show an effect that cannot be there"
    return Check(name, seen == 0, said)


def _comparison(
    table: PanelTable,
    gaps: Floats,
    widths: Floats,
    average: Estimate,
    events: tuple[tuple[int, Estimate], ...],
    found: Gaps,
) -> Comparison:
    treated, control = mean_of(table.outcome[table.group]), mean_of(table.outcome[~table.group])
    if table.group.all():
        control = mean_of(np.where(table.treated_now, np.nan, table.outcome))
    counterfactual = treated - gaps
    length = float(found.answered.sum() / found.answered.any(axis=1).sum())
    return Comparison(
        table.times, treated, control, counterfactual, counterfactual - widths, counterfactual + widths, table.first,
        average, times_over(average, length), events,
    )  # fmt: skip


def _change(row: Floats, post: np.ndarray) -> float:
    before, after = row[~post & np.isfinite(row)], row[post & np.isfinite(row)]
    return float(after.mean() - before.mean()) if len(before) and len(after) else np.nan


def _plain(steps: Ints, values: Floats) -> list[tuple[int, float]]:
    return [(step, value) for step, value in zip(steps.tolist(), values.tolist(), strict=True) if np.isfinite(value)]
