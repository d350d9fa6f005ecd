"""Regressions on time series and the uncertainty of their coefficients, one at a time and thousands at once.

All of it is plain numpy; `tests/numerics/` proves it equal to statsmodels and EconML.
"""

from datasource.numerics.batch import Slopes, Triple, ols_hac
from datasource.numerics.hac import (
    Interval,
    cosine_error,
    ewc_slope,
    ewc_terms,
    hac_errors,
    hac_intervals,
    hac_lags,
    interval,
    long_run_intervals,
)
from datasource.numerics.partially_linear import dml_windows
from datasource.numerics.regression import Floats, Ints, Regression, glsar, least_squares
from datasource.numerics.rolling import RollingIntervals, rolling_glsar

__all__ = [
    "Floats",
    "Interval",
    "Ints",
    "Regression",
    "RollingIntervals",
    "Slopes",
    "Triple",
    "cosine_error",
    "dml_windows",
    "ewc_slope",
    "ewc_terms",
    "glsar",
    "hac_errors",
    "hac_intervals",
    "hac_lags",
    "interval",
    "least_squares",
    "long_run_intervals",
    "ols_hac",
    "rolling_glsar",
]
