"""Two-stage least squares: the effect that an instrument, such as a randomly assigned rollout, lays bare."""

import numpy as np

from datasource.data import Floats
from datasource.effects.estimators.weak_instrument import FirstStage, anderson_rubin, over_identification, weakness
from datasource.effects.inference import estimate
from datasource.effects.result import Answer, Estimate
from datasource.effects.study import Study, StudyError
from datasource.numerics import least_squares


def two_stage_least_squares(study: Study) -> Answer:
    """2SLS (Theil 1953) of the outcome on the treatment by study.instruments (n, q), beside what is adjusted for.

    The estimate is that of linearmodels' IV2SLS; its interval holds for autocorrelated rows. Where the instruments
    are weak, the interval is that of Anderson and Rubin (1949), which holds however weak they are and may be
    unbounded. With lags, the treatment at every step is instrumented and the effect is their sum; that takes more
    instruments than lags. Raises StudyError without enough instruments that move on their own.
    """
    treatment = study.treatment[:, 0]
    if not study.instruments.names:
        raise StudyError(f"no instrument for {study.treatment_name}; name one, or adjust for the confounders")
    controls = study.controls
    parameters = controls.shape[1] + 2
    instruments, left_out = _instruments(study, controls)
    if study.n <= parameters + instruments.shape[1]:
        raise StudyError(f"{study.n:,} rows do not carry {parameters + instruments.shape[1]} coefficients")
    outcome = least_squares(study.outcome, controls).residuals
    moved = least_squares(treatment, controls).residuals
    if study.lags:
        earlier = [least_squares(column - treatment, controls).residuals for column in study.treatment[:, 1:].T]
        outcome, moved, instruments = _without(np.column_stack(earlier), outcome, moved, instruments)
    if not np.isfinite(outcome).all() or float(moved @ moved) < 1e-18 * float(treatment @ treatment):
        raise StudyError(f"{study.treatment_name} does not move on its own, only with what is adjusted for")
    loadings = instruments.T @ moved
    predicted = instruments @ loadings
    strength = float(predicted @ moved)
    if not strength > 1e-18 * float(moved @ moved):
        raise StudyError(f"{_names(study)} does not move {study.treatment_name} at all; take another instrument")
    value = float(predicted @ outcome) / strength
    errors = outcome - value * moved
    effect = estimate(value, predicted * errors / strength, study, parameters)
    stage = FirstStage(instruments, outcome, moved, study, parameters + instruments.shape[1] - 1)
    reach = anderson_rubin(stage, value)
    weak = weakness(stage, reach)
    notices = [f"left out, moves only with the others: {name}" for name in left_out]
    if not weak.passed:
        p_value = stage.p_value(0.0)
        effect = Estimate(value, reach.lower, reach.upper, p_value)
        notices.append(f"weak instrument: the interval is Anderson and Rubin's, {reach.text}")
    checks = [weak]
    if instruments.shape[1] > 1:
        checks.append(over_identification(stage, value))
    return Answer(effect, study.n, checks=tuple(checks), notices=tuple(notices))


def _instruments(study: Study, controls: Floats) -> tuple[Floats, list[str]]:
    """Orthonormal columns (n, q) that span the instruments beside the controls, and the names of those not needed."""
    kept: list[Floats] = []
    left_out = []
    for name, column in zip(study.instruments.names, study.instruments.values.T, strict=True):
        rest = least_squares(column, controls).residuals
        size = float(np.linalg.norm(rest))
        for other in (*kept, *kept):
            rest = rest - other * float(other @ rest)
        length = float(np.linalg.norm(rest))
        if length > 1e-9 * max(size, 1e-9 * float(np.linalg.norm(column))) and size > 0:
            kept.append(rest / length)
        else:
            left_out.append(name)
    if not kept:
        raise StudyError(
            f"{_names(study)} does not move on its own: it is constant, or moves only with what is adjusted for; "
            "take another instrument"
        )
    return np.column_stack(kept), left_out


def _without(others: Floats, outcome: Floats, moved: Floats, instruments: Floats) -> tuple[Floats, Floats, Floats]:
    """Outcome, treatment and instruments once `others` (n, m) are instrumented too: 2SLS by partialling out.

    Where `others` are the treatment's differences to its lags, the coefficient that is left is the sum over the lags.
    """
    count = others.shape[1]
    reached = instruments.T @ others
    if instruments.shape[1] <= count or np.linalg.matrix_rank(reached) < count:
        raise StudyError(
            f"{count + 1} lags of the treatment need as many instruments that move them apart; give the instruments at "
            "earlier steps too, or fewer lags"
        )
    coefficients = np.linalg.lstsq(reached, instruments.T @ np.column_stack([outcome, moved]), rcond=None)[0]
    rest = np.linalg.svd(reached)[0][:, count:]
    return outcome - others @ coefficients[:, 0], moved - others @ coefficients[:, 1], instruments @ rest


def _names(study: Study) -> str:
    return ", ".join(study.instruments.names)
