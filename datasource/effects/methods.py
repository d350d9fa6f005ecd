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
_LINEAR = "one unit more has the same effect at every level (a straight line)"
_OVERLAP = "at every level of the adjustment set there are rows with and without the treatment"

_ALL = (
    Method(
        "difference_in_means",
        "randomisation",
        "difference_in_means",
        "difference_in_means",
        ("the treatment was assigned at random",),
    ),
    Method(
        "backdoor.linear_regression",
        "adjustment",
        "linear_regression",
        "linear_regression",
        (_NO_CONFOUNDER, _LINEAR),
        lags=True,
    ),
)

ESTIMATORS = {method.name: method for method in _ALL}
