"""Subset: the estimate without a part of the rows agrees with the whole."""

import numpy as np

from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.refit import JUMPING, SEED, clear, effect_of, rows_of, slow, standard_error
from datasource.effects.checks.series import place
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Mask, Study, StudyError

NAME = "subset"
_FAR = 1.6  # half-widths of 95%: a chance of about 1% that one of five parts is farther away
_MATTERS = 0.1


def subset(study: Study, method: Method, answer: Answer) -> Check:
    """Every part is left out once: fifths of the time, or random fifths of independent rows; halves for slow methods.

    An estimate without a part that has the share s of the information should differ by no more than
    sqrt(s / (1 - s)) standard errors of the whole, times the quantile for the largest of them. Failed says which part
    is different: the effect changed, or a few rows make it. Matching and curves, which are chosen anew
    each time, may go two and a half times as far. Less than a tenth of a clear effect is no difference.
    """
    rows = rows_of(study, method)
    error = standard_error(answer.effect)
    count = 2 if slow(study, method) else 5
    parts = _parts(rows, count)
    information = outcome_regression(rows).treatment_left ** 2
    worst, found = 0.0, ""
    for number, part in enumerate(parts):
        without = effect_of(rows.take(~part), method)
        share = float(np.clip(information[part].sum() / information.sum(), 0.01, 0.99))
        reach = 1.96 * error * np.sqrt(share / (1 - share))
        distance = abs(without - answer.effect.value) / reach if reach > 0 else 0.0
        if clear(answer.effect) and abs(without - answer.effect.value) < _MATTERS * abs(answer.effect.value):
            distance = min(distance, _FAR / 2)
        if not np.isfinite(distance):
            raise StudyError(f"there is no estimate without {_name(rows, number, count)}")
        if not found or distance > worst:
            worst, found = distance, f"{without:.3g} without {_name(rows, number, count)}"
    text = f"{answer.effect.value:.3g} in all, {found}"
    if worst < _FAR * (2.5 if method.name in JUMPING else 1):
        return Check(NAME, True, f"all parts agree: {text}")
    return Check(NAME, False, f"not the same effect everywhere: {text}, farther apart than chance")


def _parts(study: Study, count: int) -> list[Mask]:
    if study.n < 10 * count:
        raise StudyError(f"{study.n} rows are too few to leave a part of them out; give at least {10 * count}")
    if study.times is None:
        number = np.random.default_rng(SEED).permutation(study.n) * count // study.n
    else:
        places = np.unique(study.times, return_inverse=True)[1]
        number = places * count // (int(places.max()) + 1)
    return [number == part for part in range(count)]


def _name(study: Study, number: int, count: int) -> str:
    return place(number, count, "time") if study.times is not None else f"a random {'half' if count == 2 else 'fifth'}"
