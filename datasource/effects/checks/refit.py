"""Estimating again on changed rows: which rows, how often, and how far a number may move."""

import numpy as np

from datasource.effects.estimators.distributed_lag import lag_effect
from datasource.effects.methods import DML, RIDGE_DML, Method, check_study
from datasource.effects.result import Answer, Estimate
from datasource.effects.study import Study, StudyError

SEED = 20261
_MANY_ROWS = 20_000
_MATTERS, _NOTICED = 0.5, 0.01
WHITENING = frozenset({"backdoor.distributed_lag"})
"""Methods that model the memory of the errors, for which residuals like a random walk are no trouble."""

LINES = WHITENING | {"backdoor.linear_regression", "backdoor.doubly_robust", RIDGE_DML}
"""Methods that adjust by straight lines."""

JUMPING = frozenset({"backdoor.propensity_score_matching", DML})
"""Methods that move by much of their error when a row or a column is another one."""


def slow(study: Study, method: Method) -> bool:
    """Whether one estimate takes so long that a check may only make one or two."""
    return bool(method.package) or study.n > _MANY_ROWS


def rows_of(study: Study, method: Method) -> Study:
    """The study as the method sees it: collapsed, unless it knows lags."""
    return study if method.lags else study.collapsed()


def effect_of(study: Study, method: Method) -> float:
    """The effect alone. Raises StudyError."""
    if method.name not in WHITENING:
        return method.estimate(study).effect.value
    check_study(study)
    return lag_effect(study)


def standard_error(effect: Estimate) -> float:
    """A quarter of the interval's width, about. Raises StudyError where there is no interval."""
    error = (effect.upper - effect.lower) / 3.92
    if not np.isfinite(error):
        raise StudyError("the estimate has no interval to compare with")
    return error


def matters(move: Estimate, answer: Answer) -> bool:
    """Whether the effect moves by more than half of its standard error, and by more than 1%, which nobody would act on.
    Raises StudyError without an interval."""
    return abs(move.value) > max(_MATTERS * standard_error(answer.effect), _NOTICED * abs(answer.effect.value))


def clear(effect: Estimate) -> bool:
    """Whether the interval leaves 0 out."""
    return effect.lower > 0 or effect.upper < 0
