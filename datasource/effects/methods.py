"""The estimators by name, with what each takes for granted."""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from datasource.effects.result import Answer
from datasource.effects.study import Study, StudyError

Estimator = Callable[[Study], Answer]

_HERE = "datasource.effects.estimators"


class Method(NamedTuple):
    """An estimator: the function `function` of the module `module`, and what must be true for its answer to be.

    `identified_by` is "randomisation", "adjustment", "instrument", "front-door" or "comparison". `lags` says that it
    tells the effects of several lags apart; the others get the study collapsed. `package` is one that pip may have
    to bring.
    """

    name: str
    identified_by: str
    module: str
    function: str
    assumptions: tuple[str, ...]
    lags: bool = False
    package: str = ""

    def estimate(self, study: Study) -> Answer:
        """Run the estimator. Raises StudyError for what the data cannot answer."""
        if self.package:
            try:
                import_module(self.package)
            except ImportError:
                raise StudyError(
                    f"{self.name} needs the package {self.package}; pip install 'causal-datasource[forests]'"
                ) from None
        function: Estimator = getattr(import_module(f"{_HERE}.{self.module}"), self.function)
        check_study(study)
        return function(study if self.lags else study.collapsed())


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
        if not (column != column[0]).any():
            raise StudyError(f"{name} is constant ({column[0]:g}); there is no effect to be seen of it or on it")


_NO_CONFOUNDER = "whatever moves both treatment and outcome is in the adjustment set"
_LINEAR = "one unit more has the same effect at every level: a straight line"
_OVERLAP = "wherever the adjustment set leads, there are rows with and without the treatment"
_PARALLEL = "without the intervention, treated and controls would have gone on in parallel"
_UNTOUCHED = "the intervention does not touch the controls"


def _adjusting(name: str, module: str, *further: str, lags: bool = False, package: str = "") -> Method:
    function = name.rsplit(".", 1)[-1].lower() if module == "metalearners" else module
    return Method(name, "adjustment", module, function, (_NO_CONFOUNDER, *further), lags, package)


_ALL = (
    Method(
        "difference_in_means",
        "randomisation",
        "difference_in_means",
        "difference_in_means",
        ("the treatment was assigned at random",),
    ),
    _adjusting("backdoor.linear_regression", "linear_regression", _LINEAR, lags=True),
    _adjusting("backdoor.distributed_lag", "distributed_lag", _LINEAR, lags=True),
    _adjusting("backdoor.double_machine_learning", "double_machine_learning", _LINEAR),
    _adjusting("backdoor.econml.dml.LinearDML", "linear_dml", _LINEAR, package="econml"),
    _adjusting("backdoor.econml.dml.CausalForestDML", "causal_forest", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.SLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.TLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.econml.metalearners.XLearner", "metalearners", _OVERLAP, package="econml"),
    _adjusting("backdoor.propensity_score_weighting", "propensity_score_weighting", _OVERLAP),
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
)

ESTIMATORS = {method.name: method for method in _ALL}
