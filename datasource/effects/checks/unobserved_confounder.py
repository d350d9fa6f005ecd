"""Unobserved confounder: how strong a hidden cause would have to be to explain the effect away."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.effects.checks.outcome_regression import outcome_regression
from datasource.effects.checks.refit import clear
from datasource.effects.methods import RIDGE_DML, Method
from datasource.effects.result import Answer, Check
from datasource.effects.study import Study

NAME = "unobserved confounder"
_WEAK = 0.05
_WEAK_RATIO = 1.4  # the E-value of what a robustness value of 5% is to a treatment of one half of the rows
_LINEAR = frozenset(
    {
        "backdoor.linear_regression",
        "backdoor.distributed_lag",
        "backdoor.double_machine_learning",
        RIDGE_DML,
        "backdoor.econml.dml.LinearDML",
    }
)


class Robustness(NamedTuple):
    """What a hidden cause must explain of what is left of both ends: for an effect of 0, for an interval at 0."""

    estimate: float
    interval: float


def robustness_value(t: float, freedom: float, effective_freedom: float | None = None) -> Robustness:
    """Robustness values of a regression coefficient (Cinelli and Hazlett 2020, eqs. 17-19; 95%).

    `t` is the classical t statistic, `freedom` its degrees of freedom: together they are the partial R², which is
    arithmetic and holds for any rows. Autocorrelated rows have fewer, `effective_freedom`, for the interval.
    """
    strength = abs(t) / np.sqrt(freedom)
    critical_freedom = max((freedom if effective_freedom is None else effective_freedom) - 1, 1.0)
    critical = float(stats.t.ppf(0.975, critical_freedom)) / np.sqrt(critical_freedom)
    beyond = strength - critical
    if beyond > 0 and strength > 1 / critical:
        whole = (strength**2 - critical**2) / (1 + strength**2)
    else:
        whole = _value(max(beyond, 0.0))
    return Robustness(_value(strength), whole)


def e_value(risk_ratio: float) -> float:
    """The E-value of a risk ratio (VanderWeele and Ding 2017): 1 is no robustness at all."""
    ratio = max(risk_ratio, 1 / risk_ratio)
    return float(ratio + np.sqrt(ratio * (ratio - 1)))


def unobserved_confounder(study: Study, method: Method, answer: Answer) -> Check | None:
    """Robustness value of linear methods, E-value of a binary treatment otherwise; passed from 5% and 1.4 on.

    Only where adjustment identifies the effect, and only for a clear effect: there is nothing to explain away in an
    interval with 0 inside. A continuous outcome gets the risk ratio exp(0.91 d), d the effect in standard deviations
    (Chinn 2000).
    """
    if method.identified_by != "adjustment":
        return None
    if not clear(answer.effect):
        return Check(NAME, None, "the interval contains 0 anyway: there is no effect that a hidden cause could explain")
    ends = f"{study.treatment_name} and {study.outcome_name}"
    values = np.unique(study.treatment[:, 0])
    binary = len(values) == 2 and not study.lags
    if method.name in _LINEAR and not (binary and len(np.unique(study.outcome)) == 2):
        return _robust(study, answer, ends)
    if not binary:
        return None
    effect = answer.effect.value * (float(np.ptp(values)) if method.name in _LINEAR else 1.0)
    value = e_value(_risk_ratio(study, effect))
    text = f"a hidden cause would have to go with {ends} by a factor of {value:.2g} each to bring the effect to 0"
    return Check(NAME, value >= _WEAK_RATIO, text)


def _robust(study: Study, answer: Answer, ends: str) -> Check:
    fit = outcome_regression(study)
    freedom = study.n - fit.parameters
    scale = float(np.abs(fit.residuals).max())
    if not scale > 0:
        return Check(NAME, True, f"nothing of {study.outcome_name} is left for a hidden cause to explain")
    error = scale * float(np.sqrt(((fit.residuals / scale) ** 2).sum() / freedom) / np.linalg.norm(fit.treatment_left))
    if not error > 0:
        return Check(NAME, None, "the numbers are too large or too small to compare; give them in another unit")
    found = robustness_value(answer.effect.value / error, freedom, fit.effective_n - fit.parameters)
    text = (
        f"a hidden cause would have to explain {found.estimate:.0%} of what is left of both {ends} "
        f"to bring the effect to 0, {found.interval:.0%} to make the interval reach 0"
    )
    return Check(NAME, found.estimate >= _WEAK, text)


def _risk_ratio(study: Study, effect: float) -> float:
    """Of a study whose treatment has two values."""
    outcomes = np.unique(study.outcome)
    if len(outcomes) > 2:
        return float(np.exp(np.clip(0.91 * effect / study.outcome.std(), -50, 50)))
    share = float((study.outcome == outcomes[-1]).mean())
    treated = float((study.treatment[:, 0] == study.treatment[:, 0].max()).mean())
    change = effect / float(outcomes[-1] - outcomes[0])
    untreated = min(max(share - treated * change, 1e-6), 1.0)
    return min(max(untreated + change, 1e-6), 1.0) / untreated


def _value(strength: float) -> float:
    return float(0.5 * (np.sqrt(strength**4 + 4 * strength**2) - strength**2))
