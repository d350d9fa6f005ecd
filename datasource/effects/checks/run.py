"""Every check that makes sense for an estimate."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from datasource.effects.checks import (
    curved_confounding,
    delayed_effect,
    extreme_points,
    leave_one_out,
    measurement_error,
    overlap,
    placebo_treatment,
    random_common_cause,
    residual_autocorrelation,
    shared_season,
    straight_line,
    subset,
    too_few_points,
    unobserved_confounder,
)
from datasource.effects.checks.refit import WHITENING
from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.methods import Method, check_study
from datasource.effects.result import Answer, Check, Estimate
from datasource.effects.study import Study, StudyError

_EXACT = 1e-9
_OF_ADJUSTMENT = frozenset({overlap.NAME, curved_confounding.NAME})
_log = logging.getLogger(__name__)
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
    (measurement_error.NAME, measurement_error.measurement_error),
    (shared_season.NAME, shared_season.shared_season),
    (curved_confounding.NAME, curved_confounding.curved_confounding),
    (straight_line.NAME, straight_line.straight_line),
)


def judge(study: Study, method: Method, raw: Study | None = None, *, checked: bool = True) -> Answer:
    """What the method says, its checks beside it; where it says too much, with the interval that can be stood by.

    A method that whitens trusts quick moves most, and noise, rounding and late stamps spoil those first. Where
    measurement error is likely, the interval reaches over that of linear regression too, which trusts slow moves.
    `raw` is as for `run_checks`; without `checked` none is shown. Raises StudyError.
    """
    answer = method.estimate(study)
    if method.name in WHITENING and not _exact(answer):
        answer = _allowing_for_noise(study, method, answer)
    return replace(answer, checks=run_checks(study, method, answer, raw) if checked else ())


def _allowing_for_noise(study: Study, method: Method, answer: Answer) -> Answer:
    """The answer with its check of measurement error, and where that is in doubt with a wider interval."""
    try:
        with np.errstate(all="ignore"):
            found = measurement_error.measured(study, method, answer)
            if found is None or not found.doubtful:
                return replace(answer, checks=(*answer.checks, found.check)) if found else answer
            slow = linear_regression(study)
    except (StudyError, np.linalg.LinAlgError):
        return answer
    likely = "likely" if found.check.passed is False else "possible"
    both = (
        f"measurement error is {likely}: the interval reaches over that of linear regression, "
        f"{slow.effect.value:.3g}, which noise spoils least"
    )
    return replace(
        answer,
        effect=_over(answer.effect, slow.effect),
        per_lag=tuple(_over(one, other) for one, other in zip(answer.per_lag, slow.per_lag, strict=True)),
        checks=(*answer.checks, found.check),
        notices=(*answer.notices, both),
    )


def _over(one: Estimate, other: Estimate) -> Estimate:
    """The first estimate with an interval that reaches over both."""
    lower, upper = np.fmin(one.lower, other.lower), np.fmax(one.upper, other.upper)
    p_value = np.fmax(one.p_value, other.p_value) if one.value * other.value > 0 else 1.0
    return Estimate(one.value, float(lower), float(upper), float(p_value))


def run_checks(study: Study, method: Method, answer: Answer, raw: Study | None = None) -> tuple[Check, ...]:
    """The method's own checks, then every other one that makes sense for it. Pure, deterministic, never raises.

    `study` is what the method was given, with its lags; `answer` what it said. A check that these data do not allow
    has None for `passed` and says why; one that does not apply is not there. Where what is adjusted for was taken out
    of `study` beforehand, `raw` is the study before that: overlap and bends are looked for in it. Comparisons of
    treated and controls bring their own placebos, so that only points are counted and controls left out; where a cutoff
    decides on the treatment, only points are.
    """
    further = {"comparison": _FOR_COMPARISONS, "discontinuity": ()}.get(method.identified_by, _FOR_REGRESSIONS)
    own = {check.name for check in answer.checks}
    made = [
        _made(name, check, raw or study if name in _OF_ADJUSTMENT else study, method, answer)
        for name, check in _FOR_EVERY_METHOD + further
        if name not in own
    ]
    return (*answer.checks, *(check for check in made if check is not None))


def _exact(answer: Answer) -> bool:
    return answer.effect.upper - answer.effect.lower <= _EXACT * abs(answer.effect.value)


def _made(name: str, check: _Check, study: Study, method: Method, answer: Answer) -> Check | None:
    if name != too_few_points.NAME and not np.isfinite(answer.effect.value):
        return Check(name, None, "there is no estimate to check")
    if name != too_few_points.NAME and _exact(answer):
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
    except Exception:
        _log.exception("the check '%s' of %s on %s failed", name, study.treatment_name, study.outcome_name)
        return Check(name, None, "these rows defeat the check, which is a fault of ours: the log says where")
