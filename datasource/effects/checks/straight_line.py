"""Straight line: whether one unit more has the same effect at every level of the treatment."""

import numpy as np

from datasource.effects.checks.joined import join
from datasource.effects.checks.refit import LINES, matters, rows_of
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study

NAME = "straight line"
_LEVEL, _DIFFERS = 0.01, 0.5
_LEVELS = 10


def straight_line(study: Study, method: Method, answer: Answer) -> Check | None:
    """Whether the slope is another one in the treatment's upper half; between its values where there are up to ten.

    Failed where slopes differ with p below 1% (over the number of values), and by half of the effect: numbers that are
    codes have no slope, and of a curve the effect is that of the usual level only.
    """
    if method.name not in LINES:
        return None
    rows = rows_of(study, method)
    values = np.unique(rows.treatment)
    if len(values) < 3:
        return None
    knots = values[1:-1] if len(values) <= _LEVELS else np.unique(np.median(rows.treatment))
    effect, worst, found = abs(answer.effect.value), 1.0, None
    for knot in knots.tolist():
        joined = join(rows, method, np.maximum(rows.treatment - knot, 0), np.ones(rows.treatment.shape[1]))
        differs = matters(joined.own, answer) and abs(joined.own.value) > _DIFFERS * effect
        if differs and joined.own.p_value * len(knots) < worst:
            worst, found = joined.own.p_value * len(knots), (knot, joined)
    x = study.treatment_name
    if found is None or worst >= _LEVEL:
        return Check(NAME, True, f"one unit more of {x} has the same effect at every level, as far as can be seen")
    knot, joined = found
    codes = f"; if the values of {x} are codes, compare two of them" if len(values) <= _LEVELS else ""
    return Check(
        NAME,
        False,
        f"one unit more of {x} brings {joined.after:.3g} below {knot:.3g} and {joined.after + joined.own.value:.3g} "
        f"above: the effect is not a straight line, and one number is right for the usual level only{codes}",
    )
