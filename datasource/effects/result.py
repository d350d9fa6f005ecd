"""What an effect analysis answers. Plain frozen data: it comes back from a worker process."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasource.data import Environment, Floats, Variable


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval, in units of the outcome per unit of the treatment; NaN where there is none.

    `p_value` is that of the hypothesis that the number is 0.
    """

    value: float
    lower: float
    upper: float
    p_value: float = np.nan


NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan)


class Check(NamedTuple):
    """What was tried to shake an estimate: the field's name for it, whether it held, and a sentence.

    `passed` is None where the check could not be made, and the sentence says why.
    """

    name: str
    passed: bool | None
    text: str


class Group(NamedTuple):
    """The effect among the rows where `modifier` (a variable, or the kind of entity) has this level."""

    modifier: str
    level: str
    effect: Estimate
    n: int


@dataclass(frozen=True)
class Comparison:
    """What was treated beside what it would have been: by time, in units of the outcome.

    `times` (m) are places on the grid; `treated`, `control` (means), `counterfactual` and its band are (m). `began` is
    the first treated place. `event_study` holds (steps since `began`, effect) for each time, the last one before being
    0. `average` is the effect over the treated times, `cumulative` their sum. Where the intervention has an end,
    `ended` is the first place after it and `afterwards` the average effect from there on. `predicted` is the average
    effect that the graph's equations, fitted on the time before, predict for what began.
    """

    times: NDArray[np.int64]
    treated: Floats
    control: Floats
    counterfactual: Floats
    lower: Floats
    upper: Floats
    began: int
    average: Estimate
    cumulative: Estimate
    event_study: tuple[tuple[int, Estimate], ...] = ()
    ended: int | None = None
    afterwards: Estimate | None = None
    predicted: Estimate | None = None


@dataclass(frozen=True)
class Stratified:
    """Simpson's view: the association in aggregate, within each stratum, and the within-stratum ones averaged.

    `reversed` says that the aggregate and the average differ in sign, both clearly.
    """

    strata: str
    aggregate: Estimate
    within: tuple[Group, ...]
    average: Estimate
    reversed: bool


@dataclass(frozen=True)
class Answer:
    """What an estimator finds in a study.

    `per_lag` are the effects after 0, 1, ... steps where the method tells them apart; `groups` are those of
    heterogeneous effects; `checks` those that only the method itself can make.
    """

    effect: Estimate
    n: int
    per_lag: tuple[Estimate, ...] = ()
    groups: tuple[Group, ...] = ()
    checks: tuple[Check, ...] = ()
    notices: tuple[str, ...] = ()
    comparison: Comparison | None = None


@dataclass(frozen=True)
class EffectSeries:
    """Association and effect over rolling windows; `times` (m, seconds since 1970) are the windows' ends."""

    times: NDArray[np.int64]
    association: Floats
    association_lower: Floats
    association_upper: Floats
    effect: Floats
    effect_lower: Floats
    effect_upper: Floats


_NONE = np.empty(0)
NO_SERIES = EffectSeries(np.empty(0, dtype=np.int64), _NONE, _NONE, _NONE, _NONE, _NONE, _NONE)
"""Of what is not asked over rolling windows."""


@dataclass(frozen=True)
class EffectResult:
    """The change of the outcome that a lasting one-unit change of the treatment causes, beside the association.

    `effect` is the sum of `per_lag`, the effects after 0 ... `lags` steps, from `n` complete rows, which `rows` tells
    in words. The effect is NaN, and `notices` say why, where the graph does not identify it or the data do not carry
    it. Columns of a file are variables of an entity without labels.
    """

    treatment: Variable
    outcome: Variable
    environment: Environment
    association: Estimate
    effect: Estimate
    per_lag: tuple[Estimate, ...]
    method: str
    adjustment_set: tuple[str, ...]
    lags: int
    n: int
    series: EffectSeries = NO_SERIES
    notices: tuple[str, ...] = ()
    identified_by: str = ""
    assumptions: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    groups: tuple[Group, ...] = ()
    stratified: Stratified | None = None
    comparison: Comparison | None = None
    rows: str = ""
