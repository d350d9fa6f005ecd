"""The estimators that a question of effect may name."""

from typing import Annotated, Literal

from pydantic import AfterValidator

METHODS = (
    "difference_in_means",
    "backdoor.linear_regression",
    "backdoor.distributed_lag",
    "backdoor.double_machine_learning",
    "backdoor.ridge_double_machine_learning",
    "backdoor.econml.dml.LinearDML",
    "backdoor.econml.dml.CausalForestDML",
    "backdoor.econml.metalearners.SLearner",
    "backdoor.econml.metalearners.TLearner",
    "backdoor.econml.metalearners.XLearner",
    "backdoor.propensity_score_weighting",
    "backdoor.overlap_weighting",
    "backdoor.propensity_score_matching",
    "backdoor.doubly_robust",
    "iv.instrumental_variable",
    "frontdoor.two_stage_regression",
    "difference_in_differences",
    "synthetic_control",
    "counterfactual_regression",
    "interrupted_time_series",
    "regression_discontinuity",
)
"""DoWhy's names where it has the method, the field's otherwise."""

_ALSO = {
    "dml": "backdoor.double_machine_learning",
    "two_stage_least_squares": "iv.instrumental_variable",
    "2sls": "iv.instrumental_variable",
    "did": "difference_in_differences",
    "rdd": "regression_discontinuity",
    "its": "interrupted_time_series",
    "aipw": "backdoor.doubly_robust",
}


def find_method(name: str) -> str:
    """The full name of a method; its last part is enough, in any case of letters. Raises ValueError.

    >>> find_method("LinearDML")
    'backdoor.econml.dml.LinearDML'
    """
    asked = name.strip().lower()
    for known in METHODS:
        if asked in (known.lower(), known.rsplit(".", 1)[-1].lower()):
            return known
    if asked in _ALSO:
        return _ALSO[asked]
    raise ValueError(f"'{name}' is no method; known are: {', '.join(METHODS)}")


MethodName = Annotated[str, AfterValidator(find_method)]
ImpactMethod = Literal[
    "difference_in_differences", "synthetic_control", "counterfactual_regression", "interrupted_time_series"
]
