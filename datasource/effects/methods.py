"""The estimators by name, with what each takes for granted."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import NamedTuple

import numpy as np

from datasource.effects.inference import by_unit
from datasource.effects.result import Answer
from datasource.effects.study import Study, StudyError

Estimator = Callable[[Study], Answer]

_HERE = "datasource.effects.estimators"


_BY_GRAPH = {"adjustment": 1, "instrument": 3, "front-door": 2}
"""So many of a method's assumptions say that the effect is identified."""


class Method(NamedTuple):
    """An estimator: the function `function` of the module `module`, and what must be true for its answer to be.

    `identified_by` is "randomisation", "adjustment", "instrument", "front-door", "comparison" or "discontinuity".
    `lags` says that it tells the effects of several lags apart; the others get the study collapsed. `package` is one
    that pip may have to bring. `feedback` says that it holds where the outcome moves the treatment later on.
    """

    name: str
    identified_by: str
    module: str
    function: str
    assumptions: tuple[str, ...]
    lags: bool = False
    package: str = ""
    feedback: bool = False

    @property
    def form(self) -> tuple[str, ...]:
        """What is assumed beyond the identification, which a graph says with the names of its variables."""
        return self.assumptions[_BY_GRAPH.get(self.identified_by, 0) :]

    def estimate(self, study: Study) -> Answer:
        """Run the estimator. Raises StudyError for what the data cannot answer."""
        if self.package:
            try:
                import_module(self.package)
            except ImportError:
                raise StudyError(f"{self.name} needs a package that is not there: pip install {self.package}") from None
        function: Estimator = getattr(import_module(f"{_HERE}.{self.module}"), self.function)
        check_study(study)
        answer = function(study if self.lags else study.collapsed())
        if self.feedback or self.identified_by not in ("adjustment", "front-door"):
            return answer
        return replace(answer, notices=(*answer.notices, *_misses(study)))


def _misses(study: Study) -> list[str]:
    """Where intervals of all methods that adjust, but for the distributed lag, were found to miss in simulations."""
    said = [_FEEDBACK] if study.feedback else []
    if study.times is not None and by_unit(study) and (times := len(np.unique(study.times))) < _MANY_TIMES:
        said.append(
            f"{times} times are few to judge what units share: where treatment and outcome share shocks that last, "
            "about 80% of such intervals hold at 40 times; backdoor.distributed_lag or a longer range does better"
        )
    return said


_ROUNDING = 1e-9
"""A column whose values differ by no more than this share of the largest is constant: a ratio of sums is so rounded."""


def check_study(study: Study) -> None:
    """Raises StudyError for a study that no estimator could use: empty, too short, or with a constant end."""
    if study.n < 3:
        raise StudyError(
            f"{study.n} complete rows: none has {study.treatment_name}, {study.outcome_name} and everything that is "
            "adjusted for"
            if study.n == 0
            else f"only {study.n} complete rows; give at least 3, better 100"
        )
    for name, column in ((study.treatment_name, study.treatment[:, 0]), (study.outcome_name, study.outcome)):
        if np.ptp(column) <= _ROUNDING * np.abs(column).max():
            raise StudyError(f"{name} is constant ({column[0]:g}); there is no effect to be seen of it or on it")


_MANY_TIMES = 100
_FEEDBACK = (
    "the outcome moves the treatment later on, which biases this method on autocorrelated series: in a simulated "
    "loop it says 1.74 for a true 1.0, and no interval held; backdoor.distributed_lag allows for it"
)
_NO_CONFOUNDER = "whatever moves both treatment and outcome is in the adjustment set"
_LINEAR = "one unit more has the same effect at every level: a straight line"
_OVERLAP = "wherever the adjustment set leads, there are rows with and without the treatment"
_LOGISTIC = "the chance of the treatment is logistic in what is adjusted for"
_PARALLEL = "without the intervention, treated and controls would have gone on in parallel"
_UNTOUCHED = "the intervention does not touch the controls"


def _adjusting(
    name: str,
    module: str,
    *further: str,
    lags: bool = False,
    package: str = "",
    feedback: bool = False,
    function: str = "",
) -> Method:
    function = function or (name.rsplit(".", 1)[-1].lower() if module == "metalearners" else module)
    return Method(name, "adjustment", module, function, (_NO_CONFOUNDER, *further), lags, package, feedback)


DML, RIDGE_DML = "backdoor.double_machine_learning", "backdoor.ridge_double_machine_learning"

_ALL = (
    Method(
        "difference_in_means",
        "randomisation",
        "difference_in_means",
        "difference_in_means",
        ("the treatment was assigned at random",),
    ),
    _adjusting("backdoor.linear_regression", "linear_regression", _LINEAR, lags=True),
    _adjusting("backdoor.distributed_lag", "distributed_lag", _LINEAR, lags=True, feedback=True),
    _adjusting(DML, "double_machine_learning", _LINEAR),
    _adjusting(RIDGE_DML, "double_machine_learning", _LINEAR, function="ridge_double_machine_learning"),
    _adjusting("backdoor.econml.dml.LinearDML", "linear_dml", _LINEAR, package="econml"),
    _adjusting("backdoor.econml.dml.CausalForestDML", "causal_forest", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.SLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.TLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.XLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.propensity_score_weighting", "propensity_score_weighting", _OVERLAP),
    _adjusting("backdoor.overlap_weighting", "propensity_score_weighting", _LOGISTIC, function="overlap_weighting"),
    _adjusting("backdoor.propensity_score_matching", "propensity_score_matching", _OVERLAP),
    _adjusting("backdoor.doubly_robust", "doubly_robust", _OVERLAP),
    Method(
        "iv.instrumental_variable",
        "instrument",
        "two_stage_least_squares",
        "two_stage_least_squares",
        (
            "the instrument moves the treatment",
            "the instrument reaches the outcome only through the treatment",
            "nothing moves both instrument and outcome beside what is adjusted for",
            _LINEAR,
        ),
        lags=True,
    ),
    Method(
        "frontdoor.two_stage_regression",
        "front-door",
        "front_door",
        "front_door",
        (
            "the treatment reaches the outcome only through the mediators",
            "nothing unmeasured moves both treatment and mediators, or both mediators and outcome",
            _LINEAR,
        ),
        lags=True,
    ),
    Method(
        "difference_in_differences",
        "comparison",
        "difference_in_differences",
        "difference_in_differences",
        (_PARALLEL, _UNTOUCHED),
    ),
    Method(
        "synthetic_control",
        "comparison",
        "synthetic_control",
        "synthetic_control",
        ("a weighted mean of the controls goes on as the treated would have", _UNTOUCHED),
    ),
    Method(
        "counterfactual_regression",
        "comparison",
        "counterfactual_regression",
        "counterfactual_regression",
        ("what tied the treated to the controls before would have gone on", _UNTOUCHED),
    ),
    Method(
        "interrupted_time_series",
        "comparison",
        "interrupted_time_series",
        "interrupted_time_series",
        ("level and trend before the start would have gone on", "nothing else began at the same time"),
    ),
    Method(
        "regression_discontinuity",
        "discontinuity",
        "regression_discontinuity",
        "regression_discontinuity",
        ("but for the treatment, nothing jumps at the cutoff", "no row can choose its side of the cutoff"),
    ),
)

ESTIMATORS = {method.name: method for method in _ALL}
