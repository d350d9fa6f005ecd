"""Every check that makes sense for an estimate."""

from collections.abc import Callable

import numpy as np

from datasource.effects.checks import (
    delayed_effect,
    extreme_points,
    leave_one_out,
    overlap,
    placebo_treatment,
    random_common_cause,
    residual_autocorrelation,
    subset,
    too_few_points,
    unobserved_confounder,
)
from datasource.effects.methods import Method, check_study
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study, StudyError

_EXACT = 1e-9
_Check = Callable[[Study, Method, Answer], Check | None]

_FOR_EVERY_METHOD: tuple[tuple[str, _Check], ...] = ((too_few_points.NAME, too_few_points.too_few_points),)
_FOR_COMPARISONS: tuple[tuple[str, _Check], ...] = ((subset.NAME, leave_one_out.leave_one_out),)
_FOR_REGRESSIONS: tuple[tuple[str, _Check], ...] = (
    (placebo_treatment.NAME, placebo_treatment.placebo_treatment),
    (random_common_cause.NAME, random_common_cause.random_common_cause),
    (subset.NAME, subset.subset),
    (extreme_points.NAME, extreme_points.extreme_points),
    (unobserved_confounder.NAME, unobserved_confounder.unobserved_confounder),
    (overlap.NAME, overlap.overlap),
    (residual_autocorrelation.NAME, residual_autocorrelation.residual_autocorrelation),
    (delayed_effect.NAME, delayed_effect.delayed_effect),
)


def run_checks(study: Study, method: Method, answer: Answer, raw: Study | None = None) -> tuple[Check, ...]:
    """The method's own checks, then every other one that makes sense for it. Pure, deterministic, never raises.

    `study` is what the method was given, with its lags; `answer` what it said. A check that these data do not allow
    has None for `passed` and says why; one that does not apply is not there. Where what is adjusted for was taken out
    of `study` beforehand, `raw` is the study before that: overlap is looked for in it. Comparisons of treated and
    controls bring their own placebos, so that only points are counted and controls left out.
    """
    further = _FOR_COMPARISONS if method.identified_by == "comparison" else _FOR_REGRESSIONS
    own = {check.name for check in answer.checks}
    made = [
        _made(name, check, raw or study if name == overlap.NAME else study, method, answer)
        for name, check in _FOR_EVERY_METHOD + further
        if name not in own
    ]
    return (*answer.checks, *(check for check in made if check is not None))


def _made(name: str, check: _Check, study: Study, method: Method, answer: Answer) -> Check | None:
    if name != too_few_points.NAME and not np.isfinite(answer.effect.value):
        return Check(name, None, "there is no estimate to check")
    if name != too_few_points.NAME and answer.effect.upper - answer.effect.lower <= _EXACT * abs(answer.effect.value):
        return Check(name, None, "the outcome follows from the treatment without any scatter: nothing is left to try")
    try:
        if name != too_few_points.NAME:
            check_study(study)
        with np.errstate(all="ignore"):
            return check(study, method, answer)
    except StudyError as error:
        return Check(name, None, str(error))
    except np.linalg.LinAlgError:
        return Check(name, None, "the columns are too much alike to estimate again")
