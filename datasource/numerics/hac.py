"""What a sum of autocorrelated rows is known to, by prewhitened equal-weighted cosines and Student's t.

The one way to the uncertainty of slopes: of effects, associations, structural equations and what-if.
"""

from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.special import stdtr, stdtrit

from datasource.numerics.grid import Floats, Ints, on_grid, summed
from datasource.numerics.regression import Regression, least_squares

_MOVES = 1e-12
"""Rows of less variance than this, relative to their square, are left to a decomposition."""
_LONGEST, _SHORTEST = 0.97, 10
"""The longest memory, as the coefficient of an autoregression, and the rows from which one is looked for."""
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


def honest_residuals(fit: Regression) -> Floats:
    """The residuals (n) over sqrt(1 - leverage), as wide as the errors are (HC2, MacKinnon and White 1985)."""
    found: Floats = fit.residuals / np.sqrt(np.maximum(1 - fit.leverage, 1e-6))
    return found


def long_run_intervals(
    fit: Regression, contrasts: Floats, window: int = 1, clusters: Ints | None = None
) -> list[Interval]:
    """95% intervals of the combinations `contrasts` (1 + k, m) from the scores by place, leverage corrected (HC2).

    Errors are those of `long_run_errors`. Scores of a place are summed (Driscoll and Kraay 1998). With `clusters`
    (n, numbers from 0 on) the error is theirs (Liang and Zeger 1986), unless there are 30 places or more and the
    error by place is a quarter wider: then rows of the same place share something.

    Quantiles are Student's t with the smaller of the number of cosines or clusters and Satterthwaite's degrees of
    freedom, (sum w^2)^2 / sum w^4 of the rows' weights w (Imbens and Kolesár 2016): a treatment that moved only three
    times gets the interval that three moves deserve.
    """
    rows = (fit.weights @ contrasts) * honest_residuals(fit)[:, None]
    scores = on_grid(rows, fit.positions).T
    terms = long_run_terms(scores.shape[1], window)
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


def long_run_terms(n: int, window: int = 1) -> int:
    """How many cosines, which are the degrees of freedom: 0.15 n^(2/3) and at least 4, fewer where neighbours share a
    `window`. The 0.4 n^(2/3) that Lazarus and others recommend suit milder autocorrelation."""
    return max(min(4, n - 1), min(int(0.15 * n ** (2 / 3)), n // max(1, 2 * window)), 1)


def long_run_errors(series: Floats, window: int = 1) -> Floats:
    """The standard errors (m) of the sums of series (m, n) of mean about 0, as `long_run_covariance` has them."""
    waves, largest = _waves(series, window)
    errors: Floats = largest * np.sqrt(2 * (waves**2).sum(axis=1) / max(waves.shape[1], 1))
    return errors


def long_run_covariance(series: Floats, window: int = 1) -> Floats:
    """The covariance (m, m) of the sums of series (m, n) of mean about 0, known with `long_run_terms` freedom.

    Equal-weighted cosines (Lazarus, Lewis, Stock and Watson 2018) of the series, each prewhitened by an AR(1) (Andrews
    and Monahan 1992) whose coefficient is corrected for its small-sample bias and kept within 0 and 0.97.
    """
    waves, largest = _waves(series, window)
    found: Floats = 2 * waves @ waves.T / max(waves.shape[1], 1) * largest[:, None] * largest
    return found


def _waves(series: Floats, window: int) -> tuple[Floats, Floats]:
    """The cosines (m, terms) of scaled series (m, n), and what they were scaled by (m)."""
    scaled, largest = _scaled(series)
    n = series.shape[1]
    memory = np.zeros((len(series), 1))
    if n >= _SHORTEST:
        raw = np.einsum("mt,mt->m", scaled[:, 1:], scaled[:, :-1])
        raw /= np.maximum(np.einsum("mt,mt->m", scaled, scaled), 1e-300)
        memory[:, 0] = np.clip(raw + (1 + 3 * raw) / n, 0, _LONGEST)
    whitened = scaled.copy()
    whitened[:, 1:] -= memory * scaled[:, :-1]
    whitened[:, :1] *= np.sqrt(1 - memory**2)
    return cosine_sums(whitened, long_run_terms(n, window)) / (1 - memory), largest


def cosine_sums(series: Floats, terms: int) -> Floats:
    """Sums over t of series (m, n) times cos(pi j (t + 1/2) / n), j = 1 ... terms and below n: (m, terms)."""
    found: Floats = dct(series, axis=1)[:, 1 : terms + 1] / 2 if series.size else series
    return found


def _scaled(series: Floats) -> tuple[Floats, Floats]:
    """Series (m, n) with a largest value of 1, and what it was (m), 1 where there is none."""
    largest = np.abs(series).max(axis=1, initial=0)
    largest[~(largest > 0)] = 1.0
    return series / largest[:, None], largest


def hac_slope(outcome: Floats, treatment: Floats) -> Interval:
    """The slope of `outcome` (n) on `treatment` (n) with an intercept, and its autocorrelation-robust 95% interval
    (`long_run_errors`). NaN for fewer than 10 rows or a constant treatment."""
    n = len(outcome)
    if n < 10:
        return NO_INTERVAL
    fit = least_squares(outcome, treatment[:, None])
    slope = float(fit.coefficients[1])
    if np.isnan(slope):
        return NO_INTERVAL
    return interval(slope, float(long_run_errors((fit.weights[:, 1] * fit.residuals)[None])[0]), long_run_terms(n))


def rolling_hac_slopes(outcome: Floats, treatment: Floats, length: int, ends: Ints) -> list[Interval]:
    """`hac_slope` over the `length` rows before each of `ends` (m): all at once where every row is there and moves."""
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
        errors = long_run_errors(x * (y - slopes[:, None] * x)) / squares
        for place, slope, error in zip(np.flatnonzero(fast).tolist(), slopes.tolist(), errors.tolist(), strict=True):
            found[place] = interval(slope, error, long_run_terms(length))
    for place in np.flatnonzero(~fast).tolist():
        y, x = (window[place] for window in windows)
        there = np.isfinite(y) & np.isfinite(x)
        found[place] = hac_slope(y[there], x[there])
    return found
