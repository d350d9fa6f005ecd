"""Regressions on time series and the uncertainty of their coefficients, one at a time and thousands at once.

All of it is plain numpy; `tests/numerics/` proves it equal to statsmodels and EconML.
"""

from datasource.numerics.grid import Floats, Ints, closed_up, on_grid, summed
from datasource.numerics.hac import (
    LONG,
    SHARED,
    Interval,
    bartlett_covariance,
    cosine_error,
    cosine_sums,
    ewc_slope,
    ewc_terms,
    hac_lags,
    honest_residuals,
    interval,
    long_run_intervals,
    rolling_ewc_slopes,
)
from datasource.numerics.partially_linear import dml_windows
from datasource.numerics.regression import (
    Regression,
    glsar,
    glsar_coefficients,
    least_squares,
    whitened_least_squares,
)
from datasource.numerics.rolling import RollingIntervals, rolling_glsar
from datasource.numerics.slopes_beside import slopes_beside

__all__ = [
    "LONG",
    "SHARED",
    "Floats",
    "Interval",
    "Ints",
    "Regression",
    "RollingIntervals",
    "bartlett_covariance",
    "closed_up",
    "cosine_error",
    "cosine_sums",
    "dml_windows",
    "ewc_slope",
    "ewc_terms",
    "glsar",
    "glsar_coefficients",
    "hac_lags",
    "honest_residuals",
    "interval",
    "least_squares",
    "long_run_intervals",
    "on_grid",
    "rolling_ewc_slopes",
    "rolling_glsar",
    "slopes_beside",
    "summed",
    "whitened_least_squares",
]
