"""Measurement error: noise, rounding and late stamps, which the steps before and after give away."""

from typing import NamedTuple

import numpy as np

from datasource.data import Floats
from datasource.effects.checks.joined import complete, join
from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.refit import WHITENING, matters, standard_error
from datasource.effects.checks.series import memory, moved, places
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check, Estimate
from datasource.effects.study import Study
from datasource.numerics.regression import within

NAME = "measurement error"
_LEVEL, _ROUGH_LEVEL = 0.01, 0.002
"""Methods that do not whiten know the error of so small a difference less well, and suffer less from noise."""
_KNOWN_NOISY = 0.05
"""Values that are noisy by their own kind need less to be believed so."""
_DOUBT = 0.1
_LATE, _KNOWN = (2, 3), 0.8
"""Steps later that are looked at, where so large a share of the rows knows them."""
_FEW_VALUES, _REGULAR = 10, 0.8
_COUNT = 5


class Measured(NamedTuple):
    """The check, and whether noise is likely enough for the interval to allow for it, even where the check holds."""

    check: Check
    doubtful: bool


def measurement_error(study: Study, method: Method, answer: Answer) -> Check | None:
    """Whether the mean of the step before and the step after knows more than the step itself; series only.

    It does not where everything is measured well: the outcome then follows from what is true at the time (strict
    exogeneity, Sims 1972). Of a treatment with noise or rounding the neighbours carry what the noise took away, of one
    stamped late the next step does; of a confounder they carry what is left of the confounding. Failed when the
    neighbours of the adjustment set move the effect, or those of the treatment have one, with p below 1% each (0.2%
    for methods that do not whiten); below 5% is enough where the treatment is rounded, or a count, so coarsely that
    this alone takes the effect out of its interval. The steps two and three later, which are those of a stamp that
    late, are looked at in the same way. A column that repeats each value for as many steps every time was not measured
    in between, which fails. Not made where the outcome moves the treatment later on. Of independent rows only the
    effect is told that there would be if coarse steps were rounding, where it lies outside the interval.
    """
    found = measured(study, method, answer)
    return found.check if found else None


def measured(study: Study, method: Method, answer: Answer) -> Measured | None:
    """The check, and the doubt: p below 10%, the neighbours having more of the effect."""
    if study.times is None and method.name == "backdoor.linear_regression":
        return _if_rounded(study, answer)
    if study.times is None or method.identified_by not in {"adjustment", "randomisation"}:
        return None
    x, y = study.treatment_name, study.outcome_name
    if study.feedback:
        return Measured(
            Check(NAME, None, f"{y} moves {x} later on, so that its next step says nothing of noise"), False
        )
    level = _LEVEL if method.name in WHITENING else _ROUGH_LEVEL
    columns = {x: study.treatment[:, 0]} | dict(zip(study.adjustment.names, study.adjusted.T, strict=True))
    for name, column in columns.items():
        if (steps := _repeated(column, study)) > 1:
            text = (
                f"{name} repeats each value for {steps} steps: it is measured every {steps} steps only, and what it "
                f"was in between is not known; take steps {steps} times as long"
            )
            return Measured(Check(NAME, False, text), True)
    now = np.column_stack([study.adjusted, study.treatment.mean(axis=1)])
    known, sides = complete(study, np.column_stack([moved(now, study, -1), moved(now, study, 1)]))
    before, after = np.split(sides, 2, axis=1)
    around = (before + after) / 2
    doubtful = False
    if study.adjustment.names:
        found = join(known, method, around[:, :-1])
        doubtful = found.moved.p_value < _DOUBT
        if found.moved.p_value < level and matters(found.moved, answer):
            names = ", ".join(study.adjustment.names[:3]) + (" ..." if len(study.adjustment.names) > 3 else "")
            text = (
                f"the steps before and after of what is adjusted for move the effect from {found.before:.3g} to "
                f"{found.after:.3g}: {names} is noisy, rounded or late, so that confounding is left; {_ADVICE}"
            )
            return Measured(Check(NAME, False, text), True)
    found = join(known, method, around, np.eye(around.shape[1])[-1])
    whole = found.after + found.own.value
    more = found.own.value * found.before > 0
    noisy = more and _coarse(study, method, answer)
    failed = found.own.p_value < (_KNOWN_NOISY if noisy else level)
    if not failed or not matters(Estimate(whole - found.before, np.nan, np.nan), answer):
        doubtful = doubtful or (more and found.own.p_value < _DOUBT)
        if late := _late(study, method, answer, level / 2):
            return Measured(Check(NAME, False, late), True)
        return Measured(
            Check(NAME, True, f"the steps before and after add nothing that is clear (p {found.own.p_value:.2g})"),
            doubtful,
        )
    apart = np.column_stack([around[:, :-1], before[:, -1], after[:, -1]])
    text = f"{found.before:.3g} from {x} now, {whole:.3g} with the steps before and after: {_why(known, method, apart)}"
    return Measured(Check(NAME, False, text), True)


def _late(study: Study, method: Method, answer: Answer, level: float) -> str:
    """What the steps two and three later say of a stamp that late; empty where they are silent."""
    now = np.column_stack([study.adjusted, study.treatment.mean(axis=1)])
    later = np.stack([moved(now, study, steps) for steps in _LATE], axis=2)
    known, later = complete(study, later.reshape(study.n, -1))
    if known.n < _KNOWN * study.n:
        return ""
    causes = {column.tobytes(): column for column in later[:, : -len(_LATE)].T}
    further = np.column_stack([*causes.values(), later[:, -len(_LATE) :]])
    found = join(known, method, further, np.append(np.zeros(len(causes)), np.ones(len(_LATE))))
    x, y = study.treatment_name, study.outcome_name
    if found.own.p_value < level and matters(found.own, answer):
        return f"{y} goes with the {x} of two or three steps later: {_TOO_LATE.format(x=x, y=y)}"
    if not causes or found.moved.p_value >= level or not matters(found.moved, answer):
        return ""
    return (
        f"two and three steps later what is adjusted for moves the effect from {found.before:.3g} to "
        f"{found.after:.3g}: it is stamped late, so that confounding is left; mend its times"
    )


def _repeated(column: Floats, study: Study) -> int:
    """How many steps a column (n) of many values repeats each of them, 1 where that is not a matter of rule."""
    if (np.diff(column) == 0).mean() < 1 / 3 or len(np.unique(column)) <= _FEW_VALUES:
        return 1
    follows = np.diff(places(study)) == 1
    starts = np.flatnonzero(np.append(True, (np.diff(column) != 0) | ~follows))
    lengths, counts = np.unique(np.diff(np.append(starts, len(column))), return_counts=True)
    usual = int(np.argmax(counts))
    return int(lengths[usual]) if counts[usual] > _REGULAR * counts.sum() else 1


def _if_rounded(study: Study, answer: Answer) -> Measured | None:
    """What independent rows would say if the coarse steps of their columns were rounding (Fuller 1987)."""
    names = (*study.adjustment.names, study.treatment_name)
    columns = np.column_stack([study.adjusted, study.treatment])
    noise = np.array([granularity(column) ** 2 / 12 for column in columns.T])
    if not noise.any():
        return None
    columns = within(columns - columns.mean(axis=0), study.units)
    products = columns.T @ columns / study.n
    if not np.linalg.eigvalsh(products - np.diag(noise))[0] > 0:
        return None
    outcome = within(study.outcome - study.outcome.mean(), study.units)
    value = float(np.linalg.solve(products - np.diag(noise), columns.T @ outcome / study.n)[-1])
    if answer.effect.lower <= value <= answer.effect.upper or not np.isfinite(answer.effect.lower):
        return None
    shares = noise / np.diag(products)
    coarsest = names[int(np.argmax(shares))]
    text = f"if the steps of {coarsest} are rounding, the effect is {value:.3g}; give it as it was measured"
    return Measured(Check(NAME, None, text), False)


def _coarse(study: Study, method: Method, answer: Answer) -> bool:
    """Whether rounding, or Poisson's noise of a count, takes away more of the effect than half its interval."""
    values = study.treatment[:, 0]
    noise = granularity(values) ** 2 / 12
    if values.min() >= 0 and values.mean() >= _COUNT and (values == np.round(values)).all():
        noise = float(values.mean())
    left = outcome_regression(study).treatment_left
    if method.name in WHITENING:
        held = np.clip(memory(left, study), 0, 0.99)
        noise, left = noise * (1 + held**2), left * np.sqrt(1 - held**2)
    share = min(noise / float(left.var()), 1.0)
    return share * abs(answer.effect.value) > 1.96 * standard_error(answer.effect)


def granularity(values: Floats) -> float:
    """The step of values (n) that are all multiples of one beside an offset, 0 where they are not, or are two."""
    distinct = np.unique(values)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-9 * np.ptp(distinct)]
    if len(gaps) < 2 or len(distinct) > len(values) / 3:
        return 0.0
    step = float(gaps.min())
    return step if np.allclose(gaps / step, np.round(gaps / step), atol=1e-3) else 0.0


_TOO_LATE = "{x} is stamped late, or {y} moves {x} (say so in the graph)"
_ADVICE = "measure over a longer window, or take longer steps"


def _why(study: Study, method: Method, sides: Floats) -> str:
    """What the treatment's last and next step say about the reason, the last two of the columns `sides` (n, m)."""
    x, y = study.treatment_name, study.outcome_name
    before, after = (join(study, method, sides, np.eye(sides.shape[1])[column]).own.value for column in (-2, -1))
    if abs(after) > 2 * abs(before):
        return f"{y} goes with the {x} of the next step: {_TOO_LATE.format(x=x, y=y)}"
    if abs(before) > 2 * abs(after):
        return f"{y} goes with the {x} of the step before: give more lags, or mend the times of {y}"
    return f"{x} is noisy or rounded, which takes away from its effect; {_ADVICE}"
