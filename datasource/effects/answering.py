"""From a study to the answer: estimate, checks and groups, whatever the study was made of."""

from dataclasses import replace

from datasource.effects.checks import judge
from datasource.effects.estimators.by_group import UNIT, by_group
from datasource.effects.methods import ESTIMATORS, Method
from datasource.effects.result import EffectResult, Group
from datasource.effects.study import Study
from datasource.settings import format_duration


def answer_study(
    design: EffectResult,
    study: Study,
    raw: Study | None = None,
    *,
    checked: bool = True,
    unit: str = "",
    time: str = "",
    most_units: int | None = None,
) -> EffectResult:
    """The answer of a design, which says everything but what the rows say, by its method. Raises StudyError.

    `unit` and `time` are what the study's units and times are called; `raw` is as for `judge`. Of more units than
    `most_units` none is shown by itself.
    """
    method = ESTIMATORS[design.method]
    answer = judge(study, method, raw, checked=checked)
    groups = answer.groups or _groups(study, method, most_units)
    return replace(
        design,
        effect=answer.effect,
        per_lag=answer.per_lag or (() if study.lags else (answer.effect,)),
        n=answer.n,
        checks=(*design.checks, *answer.checks),
        groups=tuple(one._replace(modifier=unit) if one.modifier == UNIT and unit else one for one in groups),
        comparison=answer.comparison,
        notices=tuple(dict.fromkeys((*design.notices, *answer.notices))),
        rows=told_rows(study, unit, time),
    )


def told_rows(study: Study, unit: str = "", time: str = "") -> str:
    """In words, what the rows of a study are."""
    of = f" of {study.unit_count:,} {unit or 'units'}" if study.units is not None else ""
    if study.times is None:
        return f"{study.n:,} independent rows{of}"
    every = f"every {format_duration(study.step)}" if study.step else ""
    told = " ".join(part for part in (f"'{time}'" if time else "", every) if part)
    return f"{study.n:,} rows{of} over time{f' ({told})' if told else ''}"


def _groups(study: Study, method: Method, most_units: int | None) -> tuple[Group, ...]:
    """The effect within each unit and each level of the modifiers, by the same method."""
    if method.identified_by == "comparison":
        return ()
    rows = study if method.lags else study.collapsed()
    if most_units is not None and rows.unit_count > most_units:
        rows = replace(rows, units=None)
    return by_group(rows, method.estimate)
