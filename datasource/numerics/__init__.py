"""Regressions on time series and the uncertainty of their coefficients, one at a time and thousands at once.

All of it is plain numpy; `tests/numerics/` proves it equal to statsmodels and EconML.
"""

from datasource.numerics.grid import Floats, Ints, closed_up, on_grid, summed
from datasource.numerics.hac import (
    LONG,
    SHARED,
    Interval,
    cosine_sums,
    hac_slope,
    honest_residuals,
    interval,
    long_run_covariance,
    long_run_errors,
    long_run_intervals,
    long_run_terms,
    rolling_hac_slopes,
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
    "closed_up",
    "cosine_sums",
    "dml_windows",
    "glsar",
    "glsar_coefficients",
    "hac_slope",
    "honest_residuals",
    "interval",
    "least_squares",
    "long_run_covariance",
    "long_run_errors",
    "long_run_intervals",
    "long_run_terms",
    "on_grid",
    "rolling_glsar",
    "rolling_hac_slopes",
    "slopes_beside",
    "summed",
    "whitened_least_squares",
]
