"""What a coefficient is known to, on autocorrelated rows: HAC and equal-weighted cosines, Student's t."""

from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.special import stdtr, stdtrit

from datasource.numerics.grid import Floats, Ints, on_grid, summed
from datasource.numerics.regression import Regression, least_squares

_MOVES = 1e-12
"""Rows of less variance than this, relative to their square, are left to a decomposition."""
LONG, SHARED = 30, 1.25
"""From so many times on, and where errors by time are so many times wider, they count rather than clusters'."""


class Interval(NamedTuple):
    """A number, its 95% interval and the p-value of its being 0; NaN where there is none."""

    value: float
    lower: float
    upper: float
    p_value: float = np.nan


NO_INTERVAL = Interval(np.nan, np.nan, np.nan)


def interval(value: float, error: float, freedom: float) -> Interval:
    """The interval of a number with a standard error, by Student's t."""
    reach = float(stdtrit(freedom, 0.975)) * error
    p_value = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    return Interval(value, value - reach, value + reach, p_value)


def hac_lags(n: int) -> int:
    """Newey and West's rule of thumb for the number of autocovariances: floor(4 (n / 100)^(2/9))."""
    return int(4 * (max(n, 1) / 100) ** (2 / 9))


def bartlett(scores: Floats, lags: int) -> Floats:
    """Newey and West's (1987) variances (m) of the sums of scores (m, n): sums of lags + 1 neighbours, squared."""
    m, n = scores.shape
    lags = min(lags, max(n - 1, 0))
    block = np.zeros((m, n + 2 * lags))
    block[:, lags : lags + n] = scores
    sums, start, length, left = np.zeros((m, n + lags)), 0, 1, lags + 1
    while left:
        if left & 1:
            sums += block[:, start : start + n + lags]
            start += length
        left >>= 1
        if left:
            block = block[:, :-length] + block[:, length:]
            length *= 2
    total: Floats = np.einsum("mt,mt->m", sums, sums) / (lags + 1)
    return total


def bartlett_covariance(scores: Floats, lags: int) -> Floats:
    """Newey and West's (1987) covariance (m, m) of the sums of scores (m, n), as `bartlett` has the variances."""
    m, n = scores.shape
    largest = np.abs(scores).max(axis=1, initial=0)
    unit = np.where(largest > 0, largest, 1.0)[:, None]
    lags = min(lags, max(n - 1, 0))
    sums = np.zeros((m, n + 2 * lags + 1))
    np.cumsum(scores / unit, axis=1, out=sums[:, lags + 1 : lags + 1 + n])
    sums[:, lags + 1 + n :] = sums[:, lags + n : lags + n + 1]
    moving = sums[:, lags + 1 :] - sums[:, : -lags - 1]
    found: Floats = (moving @ moving.T) * unit * unit.T / (lags + 1)
    return found


def honest_residuals(fit: Regression) -> Floats:
    """The residuals (n) over sqrt(1 - leverage), as wide as the errors are (HC2, MacKinnon and White 1985)."""
    found: Floats = fit.residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    return found


def long_run_intervals(
    fit: Regression, contrasts: Floats, window: int = 1, clusters: Ints | None = None
) -> list[Interval]:
    """95% intervals of the combinations `contrasts` (1 + k, m) from the scores by place, leverage corrected (HC2).

    The larger of two HAC errors counts: equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018) with
    `ewc_terms` of them, which hold where scores stay correlated for long, and Newey and West's (1987), which holds
    where few rows carry the answer. Scores of the same place are summed (Driscoll and Kraay 1998). With `clusters`
    (n, numbers from 0 on) the error is theirs (Liang and Zeger 1986), unless there are 30 places or more and the
    error by place is a quarter wider: then rows of the same place share something.

    Quantiles are Student's t with the smaller of the number of cosines or clusters and Satterthwaite's degrees of
    freedom, (sum w^2)^2 / sum w^4 of the rows' weights w (Imbens and Kolesár 2016): a treatment that moved only three
    times gets the interval that three moves deserve.
    """
    rows = (fit.weights @ contrasts) * honest_residuals(fit)[:, None]
    scores = on_grid(rows, fit.positions).T
    terms = ewc_terms(scores.shape[1], window)
    errors = long_run_errors(scores, window)
    by_place = _intervals(fit, contrasts, errors, terms)
    if clusters is None or not len(rows):
        return by_place
    sums, largest = _scaled(summed(rows, clusters).T)
    count = sums.shape[1]
    clustered = largest * np.sqrt((sums**2).sum(axis=1) * count / max(count - 1, 1))
    found = _intervals(fit, contrasts, clustered, count - 1)
    shared = (errors > SHARED * clustered) & (scores.shape[1] >= LONG)
    return [one if wide else other for one, other, wide in zip(by_place, found, shared.tolist(), strict=True)]


def _intervals(fit: Regression, contrasts: Floats, errors: Floats, terms: float) -> list[Interval]:
    """Intervals of the combinations from their standard errors (m), which are known with at most `terms` freedom."""
    weights = fit.weights @ contrasts
    found = []
    for m in range(contrasts.shape[1]):
        needed = contrasts[:, m] != 0
        largest = float(np.abs(weights[:, m]).max(initial=0))
        if not np.isfinite(fit.coefficients[needed]).all() or not largest > 0 or not np.isfinite(errors[m]):
            found.append(NO_INTERVAL)
            continue
        squares = (weights[:, m] / largest) ** 2
        freedom = min(squares.sum() ** 2 / (squares**2).sum(), len(weights) - fit.rank, terms)
        value = float(fit.coefficients[needed] @ contrasts[needed, m])
        if freedom < 2:  # one move alone fits itself perfectly
            found.append(Interval(value, np.nan, np.nan))
            continue
        found.append(interval(value, float(errors[m]), freedom))
    return found


def ewc_terms(n: int, window: int = 1) -> int:
    """How many cosines: 0.4 n^(2/3), fewer where neighbours share a `window`, and at least 2."""
    return max(2, min(int(0.4 * n ** (2 / 3)), n // max(1, 2 * window)))


def long_run_errors(series: Floats, window: int = 1) -> Floats:
    """Standard errors of the sums of series (m, n) of mean about 0: the larger one of cosines and Newey and West's.

    Neighbours that share a `window` are correlated at least that far.
    """
    n = series.shape[1]
    scaled, largest = _scaled(series)
    waves = cosine_sums(scaled, ewc_terms(n, window)) if n else scaled
    by_cosines = 2 * (waves**2).sum(axis=1) / max(waves.shape[1], 1)
    errors: Floats = largest * np.sqrt(np.maximum(by_cosines, bartlett(scaled, max(hac_lags(n), window))))
    return errors


def cosine_error(series: Floats, terms: int) -> float:
    """The standard error of the sum of a series (n) of mean about 0: root mean square of its first `terms` cosines."""
    scaled, largest = _scaled(series[None])
    return float(largest[0] * np.sqrt(2 * np.mean(cosine_sums(scaled, terms) ** 2)))


def cosine_sums(series: Floats, terms: int) -> Floats:
    """Sums over t of series (m, n) times cos(pi j (t + 1/2) / n), j = 1 ... terms and below n: (m, terms)."""
    found: Floats = dct(series, axis=1)[:, 1 : terms + 1] / 2
    return found


def _scaled(series: Floats) -> tuple[Floats, Floats]:
    """Series (m, n) with a largest value of 1, and what it was (m), 1 where there is none."""
    largest = np.abs(series).max(axis=1, initial=0)
    largest[~(largest > 0)] = 1.0
    return series / largest[:, None], largest


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


def rolling_ewc_slopes(outcome: Floats, treatment: Floats, length: int, ends: Ints) -> list[Interval]:
    """`ewc_slope` over the `length` rows before each of `ends` (m): all at once where every row is there and moves."""
    windows = [np.lib.stride_tricks.sliding_window_view(row, length)[ends - length] for row in (outcome, treatment)]
    found = [NO_INTERVAL] * len(ends)
    fast = np.zeros(len(ends), dtype=bool)
    if length >= 10:
        y, x = (window - window.mean(axis=1, keepdims=True) for window in windows)
        squares = np.einsum("mt,mt->m", x, x)
        fast = np.isfinite(y).all(axis=1) & (squares > _MOVES * length * np.abs(windows[1]).max(axis=1) ** 2)
    if fast.any():
        y, x, squares = y[fast], x[fast], squares[fast]
        slopes = np.einsum("mt,mt->m", x, y) / squares
        waves = cosine_sums(x * (y - slopes[:, None] * x), ewc_terms(length))
        errors = np.sqrt(2 * (waves**2).mean(axis=1)) / squares
        for place, slope, error in zip(np.flatnonzero(fast).tolist(), slopes.tolist(), errors.tolist(), strict=True):
            found[place] = interval(slope, error, ewc_terms(length))
    for place in np.flatnonzero(~fast).tolist():
        y, x = (window[place] for window in windows)
        there = np.isfinite(y) & np.isfinite(x)
        found[place] = ewc_slope(y[there], x[there])
    return found
