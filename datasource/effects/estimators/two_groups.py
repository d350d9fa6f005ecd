"""Two groups before and after, without units that could be followed: cell means or repeated cross-sections."""

import numpy as np

from datasource.effects.inference import FEW_TIMES, estimate
from datasource.effects.result import Answer, Check, Estimate
from datasource.effects.study import Study, StudyError
from datasource.numerics import honest_residuals, least_squares

NO_FREEDOM = Check(
    "no degrees of freedom",
    False,
    "no degrees of freedom: as many numbers as there are cells, so nothing tells how far chance reaches; give more "
    "rows, units or times",
)
NO_TRENDS = Check(
    "parallel trends", None, "cannot be seen without units at several times before the start; give units and times"
)


def two_groups(study: Study) -> Answer:
    """The change of the group less that of the others: the interaction of `group` and `post` (n, 0 or 1).

    Heteroscedasticity robust for rows, autocorrelation robust where there are 12 times or more. Four cell means give
    the effect and no interval. Raises StudyError where one of the four cells is empty.
    """
    group, post = study.group, study.post
    if group is None or post is None:
        missing = "group (1 for the treated group)" if group is None else "post (1 after the start)"
        raise StudyError(f"difference in differences needs units and times, or group and post; give {missing}")
    for name, indicator in (("group", group), ("post", post)):
        if not np.isin(indicator, (0, 1)).all():
            raise StudyError(f"{name} must be 0 or 1")
    empty = [
        f"{'treated' if g else 'control'} {'after' if p else 'before'}"
        for g in (1, 0)
        for p in (0, 1)
        if not ((group == g) & (post == p)).any()
    ]
    if empty:
        raise StudyError(f"no rows of {', '.join(empty)}; difference in differences needs all four")
    if not study.adjustment.names and study.n == 4:
        means = [float(study.outcome[(group == g) & (post == p)][0]) for g, p in ((1, 1), (1, 0), (0, 1), (0, 0))]
        value = (means[0] - means[1]) - (means[2] - means[3])
        return Answer(Estimate(value, np.nan, np.nan), study.n, checks=(NO_FREEDOM, NO_TRENDS))
    adjusted = [study.adjustment.values] if study.adjustment.names else []
    fit = least_squares(study.outcome, np.column_stack([group, post, group * post, *adjusted]))
    if fit.rank == 0 or np.isnan(fit.coefficients[3]):
        raise StudyError(f"{study.n:,} rows do not carry {fit.coefficients.size} coefficients; give more rows")
    if study.n <= fit.rank:
        return Answer(Estimate(float(fit.coefficients[3]), np.nan, np.nan), study.n, checks=(NO_FREEDOM, NO_TRENDS))
    errors = honest_residuals(fit)
    notices = []
    if study.times is not None and len(np.unique(study.times)) < min(FEW_TIMES, study.n):
        notices.append("too few times for what the rows of a time share: rows count as independent")
    effect = estimate(float(fit.coefficients[3]), fit.weights[:, 3] * errors, study, fit.rank)
    return Answer(effect, study.n, checks=(NO_TRENDS,), notices=tuple(notices))
