"""The difference of means: the effect of a treatment that was assigned at random."""

import numpy as np

from datasource.effects.inference import estimate
from datasource.effects.result import Answer
from datasource.effects.study import NO_COLUMNS, Study, StudyError
from datasource.numerics import honest_residuals, least_squares


def difference_in_means(study: Study) -> Answer:
    """Mean outcome with the treatment less that without (Neyman 1923); nothing is adjusted for.

    Its influence values are those of a regression on the indicator alone, which is Welch's unequal variances. Where
    whole units were assigned, their means are what is compared, as independent rows: minutes of one unit are not.
    Raises StudyError for a treatment that has not two values, and for fewer than two units in either arm.
    """
    assigned = study.binary("difference_in_means")
    notices: tuple[str, ...] = ()
    rows = study
    if study.units is not None and (means := _assigned_units(study, assigned)) is not None:
        rows, assigned = means, means.treated
        notices = (f"whole units were assigned: the means of {rows.n} units are compared",)
    if min(assigned.sum(), rows.n - assigned.sum()) < 2:
        raise StudyError(
            f"{study.treatment_name} has one of its values in a single {'row' if rows is study else 'unit'}, which "
            "leaves nothing to tell chance by; give more"
        )
    fit = least_squares(rows.outcome, assigned[:, None])
    influence = fit.weights[:, 1] * honest_residuals(fit)
    return Answer(estimate(float(fit.coefficients[1]), influence, rows, 2), study.n, notices=notices)


def _assigned_units(study: Study, assigned: np.ndarray) -> Study | None:
    """A row a unit, its mean outcome; None where the treatment of any unit changes."""
    assert study.units is not None
    codes = np.unique(study.units, return_inverse=True)[1]
    counts = np.bincount(codes)
    shares = (np.bincount(codes, assigned) / counts).astype(np.float64)
    if len(counts) == 1 or not np.isin(shares, (0, 1)).all():
        return None
    outcome = np.bincount(codes, study.outcome / counts[codes]).astype(np.float64)
    return Study(outcome, shares[:, None], NO_COLUMNS, study.outcome_name, study.treatment_name)
