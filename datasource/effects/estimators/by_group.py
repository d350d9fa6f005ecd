"""Heterogeneity: the effect among the rows of each unit and of each modifier's level."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.result import NO_ESTIMATE, Answer, Group
from datasource.effects.study import Mask, Study, StudyError

UNIT = "unit"
FEWEST_IN_A_GROUP = 20
_FEW_VALUES = 5


class Part(NamedTuple):
    """The rows (n, bool) where `modifier` has this level."""

    modifier: str
    level: str
    rows: Mask


def by_group(study: Study, estimator: Callable[[Study], Answer]) -> tuple[Group, ...]:
    """The effect by any estimator within each unit and each level of each modifier.

    Groups of fewer than 20 rows, and those that the estimator refuses, have no estimate.
    """
    return tuple(
        Group(part.modifier, part.level, _within(study.take(part.rows), estimator).effect, int(part.rows.sum()))
        for part in parts(study)
    )


def parts(study: Study) -> tuple[Part, ...]:
    """The units where there are several, and the levels of each modifier.

    A level is a text or one of up to five numbers; other numbers are cut in thirds: '<= 0.31', '0.31 - 0.52', '> 0.52'.
    """
    found = []
    if study.units is not None and study.unit_count > 1:
        for unit in np.unique(study.units).tolist():
            name = study.unit_names[unit] if unit < len(study.unit_names) else str(unit)
            found.append(Part(UNIT, name, study.units == unit))
    for modifier in study.modifiers.names:
        column = study.modifiers.column(modifier)
        found += [Part(modifier, level, rows) for level, rows in _levels(column, study.modifiers.levels.get(modifier))]
    return tuple(found)


def _within(study: Study, estimator: Callable[[Study], Answer]) -> Answer:
    if study.units is not None and study.unit_count == 1:
        study = replace(study, units=None)
    if study.n < FEWEST_IN_A_GROUP:
        return Answer(NO_ESTIMATE, study.n)
    try:
        return estimator(study)
    except StudyError:
        return Answer(NO_ESTIMATE, study.n)


def _levels(column: Floats, names: tuple[str, ...] | None) -> list[tuple[str, Mask]]:
    values = np.unique(column)
    if names is not None:
        return [(names[int(value)], column == value) for value in values.tolist()]
    if len(values) <= _FEW_VALUES:
        return [(f"{value:g}", column == value) for value in values.tolist()]
    low, high = np.quantile(column, [1 / 3, 2 / 3]).tolist()
    thirds = [
        (f"<= {low:.3g}", column <= low),
        (f"{low:.3g} - {high:.3g}", (column > low) & (column <= high)),
        (f"> {high:.3g}", column > high),
    ]
    return [(name, rows) for name, rows in thirds if rows.any()]
