"""Too few points: whether there is enough to fit what is fitted."""

import numpy as np

from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.refit import WHITENING
from datasource.effects.methods import Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study

NAME = "too few points"
_PER_COEFFICIENT, _EFFECTIVE, _MOVES, _GROUP = 10, 20, 6, 10
_BEFORE = 10


def too_few_points(study: Study, method: Method, answer: Answer) -> Check | None:
    """At least 10 rows per coefficient, worth at least 20 independent ones to the effect, and 6 moves of an event.

    Methods that whiten count rows as they are. An event is a treatment of two values: on series it must go on or off
    six times, among rows each of its values must be there ten times. A comparison with weights or a regression needs
    10 times before the intervention.
    """
    if method.identified_by == "comparison":
        return _before(study, method, answer)
    coefficients = study.coefficients
    wanted = _PER_COEFFICIENT * coefficients
    if study.n < wanted:
        return Check(
            NAME,
            False,
            f"{study.n:,} rows for {coefficients} coefficients; give at least {wanted:,} rows, or adjust for less",
        )
    values, counts = np.unique(study.treatment[:, 0], return_counts=True)
    if len(values) == 2 and study.times is None and counts.min() < _GROUP:
        rare = f"{values[np.argmin(counts)]:g}"
        return Check(
            NAME, False, f"{study.treatment_name} is {rare} in {counts.min()} rows only; give at least {_GROUP}"
        )
    if len(values) == 2 and study.times is not None:
        moves = _moves(study)
        if moves < _MOVES:
            return Check(
                NAME,
                False,
                f"{study.treatment_name} went on or off {moves} times; give a time with at least {_MOVES}, or use "
                "difference_in_differences or counterfactual_regression with others as controls",
            )
    whitened = study.times is None or method.name in WHITENING
    effective = study.n if whitened else outcome_regression(study).effective_n
    worth = "" if whitened else f", worth {effective:,.0f} independent ones"
    text = f"{study.n:,} rows{worth}, for {coefficients} coefficients"
    if effective < _EFFECTIVE:
        return Check(
            NAME, False, f"{text}: neighbours are too much alike; give a longer time, or use backdoor.distributed_lag"
        )
    return Check(NAME, True, text)


def _moves(study: Study) -> int:
    changed = study.treatment[1:, 0] != study.treatment[:-1, 0]
    if study.units is not None:
        changed = changed & (study.units[1:] == study.units[:-1])
    return int(changed.sum())


def _before(study: Study, method: Method, answer: Answer) -> Check | None:
    if method.name == "difference_in_differences" or answer.comparison is None:
        return None
    before = int((answer.comparison.times < answer.comparison.began).sum())
    text = f"{before} times before the intervention"
    passed = before >= _BEFORE
    return Check(NAME, passed, text if passed else f"only {text}; give at least {_BEFORE}, better 100")
