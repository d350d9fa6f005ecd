"""Robust least squares is what fitting anew would be, part by part."""

import numpy as np
import pytest

from datasource.anomaly.lags import choose_lags
from datasource.anomaly.robust import Bounds, _mostly_one_value, median, robust_least_squares
from datasource.anomaly.usual_levels import usual_level
from datasource.anomaly.widths import reference_widths


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("parts", [7, 24])
def test_what_is_expected_of_a_part_is_fitted_on_the_others(parts: int, weighted: bool) -> None:
    rng = np.random.default_rng(parts)
    n = 1001
    X = np.column_stack([np.ones(n), rng.normal(5, 2, n), rng.normal(0, 1e3, n)])
    y = X @ [1.0, 2.0, -0.01] + rng.normal(0, 1, n)
    y[100:110] += 50
    weights = rng.uniform(1, 9, n) if weighted else None
    of = np.arange(n) * parts // n
    fit = robust_least_squares(X, y, of, 5, weights)
    assert not fit.kept[100:110].any()
    root = np.sqrt(weights if weights is not None else np.ones(n)) * fit.kept
    for part in range(parts):
        others = root * (of != part)
        coefficients = np.linalg.lstsq(X * others[:, None], y * others, rcond=None)[0]
        np.testing.assert_allclose(fit.expected[of == part], X[of == part] @ coefficients, atol=1e-6)


def test_what_stands_at_a_limit_stays_there_in_every_part() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(600), rng.normal(0, 1, (600, 2))])
    y = X @ [1.0, -2.0, 3.0] + rng.normal(0, 0.1, 600)
    limits = Bounds(np.array([-np.inf, 0.0, -np.inf]), np.full(3, np.inf))
    fit = robust_least_squares(X, y, np.arange(600) // 100, 5, bounds=limits)
    assert fit.coefficients[1] == 0.0
    first = np.arange(600) >= 100
    coefficients = np.linalg.lstsq(X[first][:, [0, 2]], y[first], rcond=None)[0]
    np.testing.assert_allclose(fit.expected[:100], X[:100][:, [0, 2]] @ coefficients, rtol=1e-6)


@pytest.mark.parametrize("n", range(1, 9))
def test_mostly_one_value_is_more_than_half(n: int) -> None:
    for code in range(3**n):
        values = np.array([code // 3**place % 3 for place in range(n)], dtype=np.float64)
        _, counts = np.unique(values, return_counts=True)
        assert _mostly_one_value(values) == (counts.max() > n // 2)


def test_lags_are_those_of_forward_selection_by_least_squares() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cause = np.convolve(rng.normal(0, 1, 805), [1, 0.6, 0.3])[:805]
        shown = np.stack([cause[5 - lag : 805 - lag] for lag in range(6)])
        y = 1e3 + shown[0] + rng.choice([0, 0.8]) * shown[2] + rng.choice([0, -0.5]) * shown[5] + rng.normal(0, 1, 800)
        assert list(choose_lags(y, shown[:1], shown[1:])) == selected(y, shown)


def selected(y: np.ndarray, shown: np.ndarray) -> list[int]:
    """The same, slowly."""
    chosen: list[int] = []
    for _ in range(4):
        used = np.vstack([np.ones(y.size), shown[0], *(shown[1 + place] for place in chosen)])
        left = y - used.T @ np.linalg.lstsq(used.T, y, rcond=None)[0]
        gains = {}
        for place in set(range(5)) - set(chosen):
            more = np.vstack([used, shown[1 + place]])
            after = y - more.T @ np.linalg.lstsq(more.T, y, rcond=None)[0]
            gains[place] = 1 - after @ after / (left @ left)
        best = max(gains, key=lambda place: gains[place])
        rho = np.clip(left[1:] @ left[:-1] / (left @ left), 0, 0.99)
        if gains[best] < 0.02 or -y.size * (1 - rho) / (1 + rho) * np.log1p(-gains[best]) < np.log(y.size):
            break
        chosen.append(best)
    return chosen


def test_a_usual_level_has_the_quantiles_of_what_is_known() -> None:
    level = np.random.default_rng(1).normal(5, 1, 999)
    level[::10] = np.nan
    usual = usual_level(level, rare=False)
    assert (usual.low, usual.median, usual.high) == pytest.approx(np.nanquantile(level, (0.005, 0.5, 0.995)))
    np.testing.assert_allclose(usual.without_extremes(level), np.clip(level, *np.nanquantile(level, (0.02, 0.98))))
    assert usual.moves
    assert not usual_level(np.full(9, 7.0), rare=False).moves
    np.testing.assert_array_equal(usual_level(level, rare=True).without_extremes(level), level)


def test_widths_are_those_of_both_tails() -> None:
    residuals = np.random.default_rng(2).normal(0, 1, 1000)
    widths, turned = reference_widths(residuals, 0.1), reference_widths(-residuals, 0.1)
    assert (widths.below, widths.above) == pytest.approx((turned.above, turned.below))
    ordered = np.sort(residuals)
    start = ordered[949]
    assert widths.above == pytest.approx(start + (ordered[950:].mean() - start) * np.log(0.05 / 0.002))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100, 2881])
def test_the_median_is_numpys(size: int) -> None:
    values = np.random.default_rng(size).normal(0, 1, size)
    kept = values.copy()
    assert median(values) == np.median(values)
    np.testing.assert_array_equal(values, kept)
    assert median(np.repeat(values, 3)) == np.median(np.repeat(values, 3))
