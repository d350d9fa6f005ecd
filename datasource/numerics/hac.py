"""What a coefficient is known to, on autocorrelated rows: HAC and equal-weighted cosines, Student's t."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from datasource.numerics.regression import Floats, Regression, least_squares, on_grid


class Interval(NamedTuple):
    """A number, its 95% interval and the p-value of its being 0; NaN where there is none."""

    value: float
    lower: float
    upper: float
    p_value: float = np.nan


NO_INTERVAL = Interval(np.nan, np.nan, np.nan)


def interval(value: float, error: float, freedom: float) -> Interval:
    """The interval of a number with a standard error, by Student's t."""
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p_value = float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else float(value == 0)
    return Interval(value, value - reach, value + reach, p_value)


def hac_lags(n: int) -> int:
    """Newey and West's rule of thumb for the number of autocovariances: floor(4 (n / 100)^(2/9))."""
    return int(4 * (max(n, 1) / 100) ** (2 / 9))


def hac_errors(fit: Regression, contrasts: Floats, lags: int, leverage: bool = False) -> Floats:
    """Standard errors (m) of the linear combinations `contrasts` (1 + k, m) of a regression's coefficients.

    Newey and West (1987), Bartlett weights, statsmodels' correction n / (n - k). Missing grid places count as
    zero scores (Datta and Du 2012). With `leverage`, residuals are divided by sqrt(1 - leverage) instead, which keeps
    the interval honest where a few rows carry the answer (HC2, MacKinnon and White 1985).
    """
    n = len(fit.residuals)
    if n <= fit.rank:
        return np.full(contrasts.shape[1], np.nan)
    residuals = fit.residuals
    if leverage:
        residuals = residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    scores = on_grid((fit.weights @ contrasts) * residuals[:, None], fit.positions)
    largest = np.abs(scores).max(axis=0)
    scores /= np.where(largest > 0, largest, 1.0)
    variance = (scores * scores).sum(axis=0)
    for lag in range(1, min(lags, len(scores) - 1) + 1):
        variance += 2 * (1 - lag / (lags + 1)) * (scores[lag:] * scores[:-lag]).sum(axis=0)
    errors: Floats = largest * np.sqrt(np.maximum(variance * (1.0 if leverage else n / (n - fit.rank)), 0))
    return errors


def hac_intervals(fit: Regression, contrasts: Floats, lags: int) -> list[Interval]:
    """95% intervals of the combinations `contrasts` (1 + k, m), leverage corrected.

    Quantiles are Student's t with Satterthwaite's degrees of freedom, (sum w^2)^2 / sum w^4 of the rows' weights w
    (Imbens and Kolesár 2016): a treatment that moved only three times gets the interval that three moves deserve.
    """
    usable = np.isfinite(fit.coefficients)
    errors = hac_errors(fit, contrasts, lags, leverage=True)
    weights = fit.weights @ contrasts
    found = []
    for m in range(contrasts.shape[1]):
        needed = contrasts[:, m] != 0
        largest = float(np.abs(weights[:, m]).max(initial=0))
        if not usable[needed].all() or not largest > 0 or not np.isfinite(errors[m]):
            found.append(NO_INTERVAL)
            continue
        squares = (weights[:, m] / largest) ** 2
        freedom = min(squares.sum() ** 2 / (squares**2).sum(), len(weights) - fit.rank)
        value = float(fit.coefficients[needed] @ contrasts[needed, m])
        if freedom < 2:  # one move alone fits itself perfectly
            found.append(Interval(value, np.nan, np.nan))
            continue
        found.append(interval(value, float(errors[m]), freedom))
    return found


def long_run_intervals(fit: Regression, contrasts: Floats, window: int = 1) -> list[Interval]:
    """95% intervals of the combinations `contrasts` (1 + k, m) from the scores by place, leverage corrected (HC2).

    The larger of two HAC errors counts: equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018) with
    `ewc_terms` of them, which hold where scores stay correlated for long, and Newey and West's (1987), which holds
    where few rows carry the answer. Scores of the same place are summed (Driscoll and Kraay 1998). Degrees of freedom
    are the smaller of the number of cosines and Satterthwaite's of the rows' weights w, (sum w^2)^2 / sum w^4 (Imbens
    and Kolesár 2016).
    """
    usable = np.isfinite(fit.coefficients)
    weights = fit.weights @ contrasts
    residuals = fit.residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    found = []
    for m in range(contrasts.shape[1]):
        needed = contrasts[:, m] != 0
        largest = float(np.abs(weights[:, m]).max(initial=0))
        if not usable[needed].all() or not largest > 0:
            found.append(NO_INTERVAL)
            continue
        squares = (weights[:, m] / largest) ** 2
        value = float(fit.coefficients[needed] @ contrasts[needed, m])
        scores = on_grid(weights[:, m] * residuals, fit.positions)
        terms = ewc_terms(len(scores), window)
        freedom = min(squares.sum() ** 2 / (squares**2).sum(), len(weights) - fit.rank, terms)
        if freedom < 2:  # one move alone fits itself perfectly
            found.append(Interval(value, np.nan, np.nan))
            continue
        found.append(interval(value, float(long_run_errors(scores[None, :], window)[0]), freedom))
    return found


def ewc_terms(n: int, window: int = 1) -> int:
    """How many cosines: 0.4 n^(2/3), fewer where neighbours share a `window`, and at least 2."""
    return max(2, min(int(0.4 * n ** (2 / 3)), n // max(1, 2 * window)))


def long_run_errors(series: Floats, window: int = 1) -> Floats:
    """Standard errors of the sums of series (m, n) of mean about 0: the larger one of cosines and Newey and West's.

    Neighbours that share a `window` are correlated at least that far.
    """
    n = series.shape[1]
    largest = np.abs(series).max(axis=1, initial=0)
    largest[~(largest > 0)] = 1.0
    scaled = series / largest[:, None]
    by_cosines = 2 * np.mean((scaled @ cosines(n, ewc_terms(n, window)).T) ** 2, axis=1)
    lags = max(hac_lags(n), window)
    by_lags = np.einsum("mn,mn->m", scaled, scaled)
    for lag in range(1, min(lags, n - 1) + 1):
        by_lags += 2 * (1 - lag / (lags + 1)) * np.einsum("mn,mn->m", scaled[:, lag:], scaled[:, :-lag])
    errors: Floats = largest * np.sqrt(np.maximum(by_cosines, by_lags))
    return errors


def cosine_error(series: Floats, terms: int) -> float:
    """The standard error of the sum of a series (n) of mean about 0: root mean square of its first `terms` cosines."""
    largest = float(np.abs(series).max(initial=0)) or 1.0
    return largest * float(np.sqrt(2 * np.mean((cosines(len(series), terms) @ (series / largest)) ** 2)))


@lru_cache(maxsize=32)
def cosines(n: int, terms: int) -> Floats:
    """cos(pi j (t + 1/2) / n) of the terms j = 1 ... at t = 0 ... n - 1: (terms, n)."""
    table: Floats = np.cos(np.pi * np.outer(np.arange(1, terms + 1), np.arange(n) + 0.5) / n)
    table.flags.writeable = False
    return table


def ewc_slope(outcome: Floats, treatment: Floats) -> Interval:
    """The slope of `outcome` (n) on `treatment` (n) with an intercept, and its autocorrelation-robust 95% interval.

    Equal-weighted cosine estimator with nu = 0.4 n^(2/3) terms and t(nu) quantiles: Lazarus, Lewis, Stock and
    Watson (2018), "HAR inference: recommendations for practice". NaN for fewer than 10 rows or a constant treatment.
    """
    n = len(outcome)
    if n < 10:
        return NO_INTERVAL
    fit = least_squares(outcome, treatment[:, None])
    slope = float(fit.coefficients[1])
    if np.isnan(slope):
        return NO_INTERVAL
    terms = ewc_terms(n)
    return interval(slope, cosine_error(fit.weights[:, 1] * fit.residuals, terms), terms)
