"""The difference of means: the effect of a treatment that was assigned at random."""

from dataclasses import replace

from datasource.effects.estimators.linear_regression import linear_regression
from datasource.effects.result import Answer
from datasource.effects.study import NO_COLUMNS, Study


def difference_in_means(study: Study) -> Answer:
    """Mean outcome with the treatment less that without (Neyman 1923); nothing is adjusted for.

    Its influence values are those of a regression on the indicator alone, which is Welch's unequal variances.
    """
    assigned = study.binary("difference_in_means")[:, None]
    return linear_regression(replace(study, treatment=assigned, adjustment=NO_COLUMNS, units=None))
