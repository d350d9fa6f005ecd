"""A question of effect about a CSV file, from its columns to the answer."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from datasource.data import Entity, Environment, Floats, Variable
from datasource.data.counters import growing, is_counter_name
from datasource.data.guess import guess_signal
from datasource.effects.answering import answer_study, told_rows
from datasource.effects.association import association_of
from datasource.effects.files.columns import Columns, read_columns
from datasource.effects.files.design import Design, Lagged, design_of
from datasource.effects.files.parts import refuse_second_parts
from datasource.effects.files.question import FileQuestion
from datasource.effects.methods import check_study
from datasource.effects.result import NO_ESTIMATE, EffectResult, Estimate, Stratified
from datasource.effects.simpson import stratify
from datasource.effects.study import Mask, Study, StudyError, lay_out
from datasource.identification.model import NO_PATH
from datasource.settings import Signal

_MOST_UNITS = 50
"""Of more units than this none is shown by itself."""
_RISES, _RESETS, _FEWEST_RISES = 0.5, 0.01, 30
"""Of a counter: the share of steps at which it rises, and at which it may start anew, and rises to be sure."""
_NOBODY = Entity("", ())
"""Whose variables the columns of a file are."""


def answer_file(question: FileQuestion) -> EffectResult:
    """Read the file, identify, estimate and check.

    Pure but for reading. Raises CsvError, SettingsError (the graph's file) and StudyError, whose texts say what to
    change.
    """
    columns = read_columns(
        question.data,
        (question.treatment, question.outcome, *question.instruments, *question.mediators),
        (*(question.adjust or ()), *question.modifiers, *question.strata, *_cells(question)),
        question.time,
        question.unit,
        question.accept_loss,
    )
    treatment, outcome = columns.name(question.treatment), columns.name(question.outcome)
    if treatment == outcome:
        raise StudyError(f"'{treatment}' is both treatment and outcome; ask for the effect on another column")
    refuse_second_parts(question, columns)
    design = design_of(question, columns)
    study = _study(question, design, columns)
    check_study(study)
    used = (question.treatment, question.outcome, *(name for name, _ in (*design.adjustment, *design.instruments)))
    nothing = design.method == NO_PATH
    known = Estimate(0.0, 0.0, 0.0) if nothing else NO_ESTIMATE
    asked = EffectResult(
        Variable(_NOBODY, treatment),
        Variable(_NOBODY, outcome),
        Environment(),
        association_of(study),
        known,
        (known,) * (design.lags + 1),
        design.method,
        _shown(design, columns),
        design.lags,
        study.n,
        notices=(
            *columns.rows.notices,
            *columns.unread(used, question.accept_loss),
            *_left_out(columns, study),
            *_counters(study),
            *design.notices,
        ),
        identified_by=design.identified_by,
        assumptions=design.assumptions,
        checks=design.checks,
        stratified=_stratified(question, columns),
    )
    unit, time = columns.rows.unit, columns.rows.time or ""
    if nothing:
        return replace(asked, rows=told_rows(study, unit, time))
    return answer_study(asked, study, unit=unit, time=time, most_units=_MOST_UNITS)


def _counters(study: Study) -> list[str]:
    """What only ever rises, by steps of its own, and falls to about 0 at most."""
    if study.times is None:
        return []
    follows = np.ones(study.n - 1, dtype=bool) if study.units is None else np.diff(study.units) == 0
    columns = {study.outcome_name: study.outcome, study.treatment_name: study.treatment[:, 0]}
    columns |= dict(zip(study.adjustment.names, study.adjusted.T, strict=True))
    return [
        f"{name} only ever rises, as counters do: what counts is how much it rises from step to step; ask about that"
        for name, column in columns.items()
        if _counts(column, follows) or _counts_by_name(name, column, study)
    ]


def _counts_by_name(name: str, column: Floats, study: Study) -> bool:
    """Whether a column only grows that is called a counter, or what falls as often as it rises."""
    guess = guess_signal(name)
    signal = Signal(entity=name, query=name, window=1.0, **guess._asdict())
    units = np.zeros(study.n) if study.units is None else study.units
    rows = {Entity("", (("", str(unit)),)): column[units == unit] for unit in np.unique(units)}
    return bool(growing(signal, rows, name if is_counter_name(name) else ""))


def _counts(column: Floats, follows: Mask) -> bool:
    rises, before, after = np.diff(column)[follows], column[:-1][follows], column[1:][follows]
    falls = rises < 0
    up = rises[rises > 0]
    return bool(
        column.min() >= 0
        and len(up) > max(_RISES * len(rises), _FEWEST_RISES)
        and falls.mean() <= _RESETS
        and (after[falls] < 0.1 * before[falls]).all()
        and up.std() > 1e-6 * up.mean()
    )


def _cells(question: FileQuestion) -> tuple[str, ...]:
    return tuple(name for name in (question.group, question.post) if name)


def _study(question: FileQuestion, design: Design, columns: Columns) -> Study:
    rows = columns.rows
    group = columns.indicator(question.group) if question.group else None
    post = columns.indicator(question.post) if question.post else None
    now = columns.numbers(question.treatment)
    if group is not None and post is not None:
        now = (group * post).astype(np.float64)
    named = [columns.name(name) for name in question.modifiers]
    modifiers = {name: columns.modifier(name) for name in named if name != rows.unit}
    return lay_out(
        columns.numbers(question.outcome),
        np.column_stack([rows.lagged(now, lag) for lag in range(design.lags + 1)]),
        _laid(design.adjustment, columns),
        names=(columns.name(question.treatment), columns.name(question.outcome)),
        times=rows.times,
        units=rows.units,
        unit_names=rows.unit_names,
        instruments=_laid(design.instruments, columns),
        mediators=_laid(design.mediators, columns),
        modifiers={name: values for name, (values, _) in modifiers.items()},
        levels={name: levels for name, (_, levels) in modifiers.items() if levels},
        group=group,
        post=post,
        feedback=design.feedback,
        step=rows.step,
    )


def _laid(chosen: Iterable[Lagged], columns: Columns) -> Mapping[str, Floats]:
    return {
        _at(name, lag): columns.rows.lagged(values, lag)
        for column, lag in chosen
        for name, values in columns.adjusting(column).items()
    }


def _at(name: str, lag: int) -> str:
    return f"{name}@-{lag}" if lag else name


def _shown(design: Design, columns: Columns) -> tuple[str, ...]:
    """The adjustment set by the names of the columns; the unit is part of it where each has an intercept."""
    names = tuple(_at(name, lag) for name, lag in design.adjustment)
    alone = design.identified_by == "randomisation" or design.method == NO_PATH
    return () if alone else (*names, columns.rows.unit) if columns.rows.units is not None else names


def _stratified(question: FileQuestion, columns: Columns) -> Stratified | None:
    if not question.strata:
        return None
    label = " x ".join(columns.name(name) for name in question.strata)
    codes = np.zeros(len(columns.rows.kept))
    names: tuple[str, ...] = ("",)
    for name in question.strata:
        own, levels = columns.codes(name)
        codes = codes * len(levels) + own
        names = tuple(f"{left} x {right}" if left else right for left in names for right in levels)
    bare = lay_out(
        columns.numbers(question.outcome),
        columns.numbers(question.treatment),
        {},
        names=(columns.name(question.treatment), columns.name(question.outcome)),
        times=columns.rows.times,
        modifiers={label: codes},
    )
    check_study(bare)
    return stratify(bare, bare.modifiers.column(label).astype(np.int64), names, label)


def _left_out(columns: Columns, study: Study) -> list[str]:
    all_rows = len(columns.rows.kept)
    if study.n >= 0.95 * all_rows:
        return []
    return [
        f"{all_rows - study.n:,} of {all_rows:,} rows are left out: something that the effect needs is missing there"
    ]
