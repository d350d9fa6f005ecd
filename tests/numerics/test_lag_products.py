"""What is computed from products of lagged columns is what the rows themselves say."""

import numpy as np
import pytest

from datasource.numerics import glsar, hac_slope, rolling_hac_slopes
from datasource.numerics.lag_products import LagProducts
from datasource.numerics.regression import glsar_coefficients

ORDER, ITERATIONS = 5, 5


def system(n: int, columns: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """An outcome with AR(1) errors, and columns on scales of their own."""
    rng = np.random.default_rng(seed)
    error = rng.normal(size=n)
    for t in range(1, n):
        error[t] += 0.8 * error[t - 1]
    x = rng.normal(size=(n, columns)) * 10.0 ** np.arange(columns) + 100
    return x @ (1 / 10.0 ** np.arange(columns)) + error, x


def step_by_step(outcome, columns, positions):
    """GLSAR as its authors write it, over the rows, without any shared product."""
    design = np.column_stack([np.ones(len(outcome)), columns])
    whole = np.zeros(len(outcome), dtype=bool)
    whole[ORDER:] = positions[ORDER:] - positions[:-ORDER] == ORDER
    rho = np.zeros(ORDER)
    last = None

    def fitted():
        white, target = design.copy(), outcome.copy()
        for back, weight in enumerate(rho, 1):
            white[back:] -= weight * design[:-back]
            target[back:] -= weight * outcome[:-back]
        return np.linalg.lstsq(white[whole], target[whole], rcond=None)[0]

    for _ in range(ITERATIONS - 1):
        found = fitted()
        if last is not None and np.max(np.abs(last - found) / np.abs(last)) < 1e-4:
            break
        last = found
        errors = outcome - design @ found
        by_place = dict(zip(positions.tolist(), errors - errors.mean(), strict=True))
        pairs = [[(e, by_place[p - lag]) for p, e in by_place.items() if p - lag in by_place] for lag in range(6)]
        covariance = np.array([np.mean([a * b for a, b in one]) for one in pairs])
        apart = np.abs(np.subtract.outer(np.arange(ORDER), np.arange(ORDER)))
        rho = np.linalg.solve(covariance[apart], covariance[1:])
    return fitted()


@pytest.mark.parametrize("gaps", [(), (40,), tuple(range(7, 190, 19))])
def test_coefficients_are_those_of_the_rows(gaps):
    outcome, columns = system(400, 3)
    positions = np.delete(np.arange(400), gaps)
    outcome, columns = outcome[positions], columns[positions]
    expected = step_by_step(outcome, columns, positions)
    assert glsar_coefficients(outcome, columns, ORDER, ITERATIONS, positions) == pytest.approx(expected, rel=1e-8)
    fit = glsar(outcome, columns, ORDER, ITERATIONS, positions)
    assert fit.coefficients == pytest.approx(expected, rel=1e-8)


def test_a_column_that_follows_from_others_has_no_coefficient_and_changes_none():
    outcome, columns = system(300, 3)
    wide = np.column_stack([columns[:, :2], columns[:, 0] - columns[:, 1], columns[:, 2]])
    found = glsar_coefficients(outcome, wide, ORDER, ITERATIONS, np.arange(300))
    assert np.isnan(found[3])
    expected = glsar_coefficients(outcome, columns, ORDER, ITERATIONS, np.arange(300))
    assert np.delete(found, 3) == pytest.approx(expected, rel=1e-8)


def test_products_of_whitened_columns_leave_out_rows_without_predecessors():
    rng = np.random.default_rng(1)
    values, positions = rng.normal(size=(90, 2)), np.delete(np.arange(100), np.arange(50, 60))
    rho = np.array([0.5, -0.2])
    rows = [t for t in range(2, 90) if positions[t] - positions[t - 2] == 2]
    white = np.array([values[t] - 0.5 * values[t - 1] + 0.2 * values[t - 2] for t in rows])
    assert LagProducts(values, positions, 2).whitened(rho) == pytest.approx(white.T @ white, rel=1e-10)


@pytest.mark.parametrize("missing", [0, 30])
def test_slopes_of_windows_are_those_of_one_window_at_a_time(missing):
    outcome, columns = system(300, 1)
    treatment = columns[:, 0].copy()
    treatment[100 : 100 + missing] = np.nan
    treatment[250:] = 7.0
    ends = np.array([40, 90, 120, 200, 290, 300])
    for end, found in zip(ends.tolist(), rolling_hac_slopes(outcome, treatment, 40, ends), strict=True):
        rows = slice(end - 40, end)
        there = np.isfinite(treatment[rows])
        expected = hac_slope(outcome[rows][there], treatment[rows][there])
        assert found == pytest.approx(expected, rel=1e-8, nan_ok=True)
