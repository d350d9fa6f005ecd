"""Front door: the effect that passes through measured mediators, whatever moves both of its ends."""

import numpy as np

from datasource.data import Floats
from datasource.effects.inference import estimate
from datasource.effects.result import Answer
from datasource.effects.study import Study, StudyError
from datasource.numerics import honest_residuals, least_squares


def front_door(study: Study) -> Answer:
    """Treatment to mediators, times mediators to outcome with the treatment adjusted for (Pearl 1995).

    DoWhy's `frontdoor.two_stage_regression`, with `study.adjustment` in both stages: the products of the two
    coefficients summed over the mediators and the treatment's lags. Influence values by the delta method, leverage
    corrected (HC2).
    """
    treatment, mediators, controls = study.treatment, study.mediators, study.controls
    steps = treatment.shape[1]
    if not mediators.names:
        raise StudyError(
            f"no mediator between {study.treatment_name} and {study.outcome_name}; name what the effect passes through"
        )
    width = controls.shape[1] + steps + len(mediators.names)
    if study.n <= width + 1:
        raise StudyError(f"{study.n:,} rows do not carry {width + 1} coefficients; give more rows")
    second, onward = _slopes(
        study.outcome, np.column_stack([controls, treatment, mediators.values]), len(mediators.names)
    )
    value, influence = 0.0, np.zeros(study.n)
    for place, name in enumerate(mediators.names):
        slopes, influences = _slopes(mediators.values[:, place], np.column_stack([controls, treatment]), steps)
        first, moved = float(slopes.sum()), influences.sum(axis=1)
        if np.isnan(first):
            raise StudyError(
                f"{study.treatment_name} does not move on its own: it is constant, or moves only with what is adjusted "
                "for"
            )
        if np.isnan(second[place]):
            raise StudyError(
                f"{name} does not move on its own: it is constant, or moves only with the treatment, the other "
                "mediators or what is adjusted for; leave it out"
            )
        value += float(first * second[place])
        influence += first * onward[:, place] + second[place] * moved
    return Answer(estimate(value, influence, study, width + 1), study.n)


def _slopes(outcome: Floats, columns: Floats, last: int) -> tuple[Floats, Floats]:
    """The coefficients of the `last` columns and their influence values (n, last)."""
    fit = least_squares(outcome, columns)
    errors = honest_residuals(fit)
    return fit.coefficients[-last:], fit.weights[:, -last:] * errors[:, None]
