"""The regressions equal statsmodels, and survive what statsmodels need not."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm

from datasource.numerics import (
    glsar,
    hac_slope,
    least_squares,
    long_run_intervals,
    on_grid,
    whitened_least_squares,
)


def series(seed: int, n: int = 600, k: int = 4):
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, k)).cumsum(axis=0) * 0.1 + rng.normal(size=(n, k))
    errors = rng.normal(size=n)
    for t in range(2, n):
        errors[t] += 0.5 * errors[t - 1] + 0.2 * errors[t - 2]
    return columns @ np.arange(1.0, k + 1) + errors + 3, columns


def hac_errors(fit, contrasts, lags):
    """Newey and West's errors of combinations of coefficients, with statsmodels' correction n / (n - k)."""
    scores = on_grid((fit.weights @ contrasts) * fit.residuals[:, None], fit.positions)
    products = [(scores[lag:] * scores[: len(scores) - lag]).sum(axis=0) for lag in range(lags + 1)]
    weights = [1.0, *(2 * (1 - lag / (lags + 1)) for lag in range(1, lags + 1))]
    n = len(fit.residuals)
    return np.sqrt(np.array(weights) @ np.array(products) * n / (n - fit.rank))


CONTRASTS = np.column_stack([np.eye(5), [0, 1, 1, 1, 0]])


@pytest.mark.parametrize("lags", [0, 7])
def test_ols_with_hac_equals_statsmodels(lags):
    outcome, columns = series(1)
    theirs = sm.OLS(outcome, sm.add_constant(columns)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    ours = least_squares(outcome, columns)
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-8)
    expected = np.sqrt(np.diag(CONTRASTS.T @ theirs.cov_params() @ CONTRASTS))
    np.testing.assert_allclose(hac_errors(ours, CONTRASTS, lags), expected, rtol=1e-8)


@pytest.mark.parametrize("iterations", [1, 2, 3, 10])
@pytest.mark.parametrize("order", [1, 5])
def test_glsar_with_hac_equals_statsmodels(iterations, order):
    outcome, columns = series(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = sm.GLSAR(outcome, sm.add_constant(columns), rho=order)
        theirs = model.iterative_fit(
            maxiter=iterations, cov_type="HAC", cov_kwds={"maxlags": 6, "use_correction": True}
        )
    ours = glsar(outcome, columns, order, iterations)
    np.testing.assert_allclose(ours.rho, model.rho, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(ours.coefficients, theirs.params, rtol=1e-8)
    expected = np.sqrt(np.diag(CONTRASTS.T @ theirs.cov_params() @ CONTRASTS))
    np.testing.assert_allclose(hac_errors(ours, CONTRASTS, 6), expected, rtol=1e-8)


def test_a_dependent_column_gets_nan_and_the_others_keep_their_coefficients():
    outcome, columns = series(3)
    constant = np.full((len(outcome), 1), 7.0)
    ours = least_squares(outcome, np.column_stack([constant, columns, columns[:, 1] * 2 + columns[:, 0]]))
    assert np.isnan(ours.coefficients[[1, 6]]).all()
    np.testing.assert_allclose(ours.coefficients[2:6], least_squares(outcome, columns).coefficients[1:], rtol=1e-8)
    assert np.isnan(long_run_intervals(ours, np.eye(7)[:, [1]])[0].value)


@pytest.mark.parametrize(("scale", "offset"), [(1e12, 0.0), (1e-12, 0.0), (1.0, 1e9), (1e150, 0.0)])
def test_units_change_nothing(scale, offset):
    outcome, columns = series(4)
    plain, scaled = glsar(outcome, columns, 5), glsar(outcome, columns * scale + offset, 5)
    np.testing.assert_allclose(scaled.coefficients[1:] * scale, plain.coefficients[1:], rtol=1e-4)
    np.testing.assert_allclose(
        hac_errors(scaled, np.eye(5)[:, 1:], 5) * scale, hac_errors(plain, np.eye(5)[:, 1:], 5), rtol=1e-4
    )


@pytest.mark.parametrize("n", [0, 1, 2, 6])
def test_too_few_rows_give_nan_not_an_exception(n):
    outcome, columns = series(5)
    fit = glsar(outcome[:n], columns[:n], 5)
    assert np.isnan(fit.coefficients).all()
    assert np.isnan(long_run_intervals(fit, np.eye(5))[1].value)
    assert np.isnan(hac_slope(outcome[:n], columns[:n, 0]).value)


def test_a_perfect_fit_has_no_width():
    _, columns = series(6)
    interval = long_run_intervals(glsar(columns[:, 0] * 2, columns, 5), np.eye(5)[:, [1]])[0]
    np.testing.assert_allclose(interval[:3], 2.0, rtol=1e-8)


def test_gaps_do_not_bias_the_autoregression():
    rng = np.random.default_rng(7)
    n = 4000
    errors = rng.normal(size=n)
    for t in range(1, n):
        errors[t] += 0.8 * errors[t - 1]
    column = rng.normal(size=(n, 1))
    there = np.ones(n, dtype=bool)
    for start in range(0, n, 20):
        there[start : start + 5] = False
    positions = np.flatnonzero(there).astype(np.int64)
    fit = glsar((2 * column[:, 0] + errors)[there], column[there], 1, positions=positions)
    assert fit.rho[0] == pytest.approx(0.8, abs=0.03)
    assert fit.coefficients[1] == pytest.approx(2, abs=0.05)


def test_one_move_alone_gets_no_interval():
    rng = np.random.default_rng(8)
    spike = np.zeros((300, 1))
    spike[150] = 1
    interval = long_run_intervals(least_squares(rng.normal(size=300), spike), np.eye(2)[:, [1]])[0]
    assert np.isnan(interval.lower)
    assert np.isfinite(interval.value)


def test_intervals_cover_where_plain_intervals_do_not():
    rng = np.random.default_rng(9)
    covered = 0
    for _ in range(300):
        noise = rng.normal(size=(2, 500))
        for t in range(1, 500):
            noise[:, t] += 0.9 * noise[:, t - 1]
        interval = hac_slope(noise[1], noise[0])
        covered += interval.lower <= 0 <= interval.upper
    assert 0.89 <= covered / 300 <= 0.98


@pytest.mark.parametrize(("back", "memory"), [(0.5, 0.7), (0.8, 0.9)])
def test_intervals_hold_where_errors_move_the_column_later(back: float, memory: float):
    rng = np.random.default_rng(10)
    covered = 0
    for _ in range(100):
        noise, x, y = rng.normal(size=1000), np.zeros(1000), np.zeros(1000)
        for t in range(1, 1000):
            noise[t] += memory * noise[t - 1]
            x[t] = back * y[t - 1] + rng.normal()
            y[t] = x[t] + noise[t]
        interval = long_run_intervals(glsar(y, x[:, None], 5, 5, feedback=True), np.eye(2)[:, [1]])[0]
        covered += interval.lower <= 1 <= interval.upper
    assert covered >= 90


def _grouped(n: int = 240, groups: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(groups), n // groups)
    columns = rng.normal(size=(n, 3)) + codes[:, None] * [5.0, -3.0, 1.0]
    outcome = columns @ [1.0, 2.0, -1.0] + 10 * codes + np.cumsum(rng.normal(size=n)) * 0.2
    return outcome, columns, codes, np.arange(n) + 50 * codes


@pytest.mark.parametrize("rho", [np.empty(0), np.array([0.6, 0.1])])
def test_an_intercept_for_each_group_is_an_indicator_of_each(rho):
    outcome, columns, codes, positions = _grouped()
    wide = np.column_stack([(codes[:, None] == np.arange(1, 6)).astype(float), columns])
    grouped = whitened_least_squares(outcome, columns, rho, positions, codes)
    whole = whitened_least_squares(outcome, wide, rho, positions)
    assert grouped.coefficients[1:] == pytest.approx(whole.coefficients[-3:], rel=1e-8)
    assert grouped.weights[:, 1:] == pytest.approx(whole.weights[:, -3:], abs=1e-10)
    assert grouped.residuals == pytest.approx(whole.residuals, abs=1e-8)
    assert grouped.leverage == pytest.approx(whole.leverage, abs=1e-8)
    assert grouped.rank == whole.rank


@pytest.mark.parametrize("feedback", [False, True])
def test_levels_of_groups_leave_no_trace_in_generalised_least_squares(feedback):
    outcome, columns, codes, positions = _grouped()
    wide = np.column_stack([(codes[:, None] == np.arange(1, 6)).astype(float), columns])
    slopes = glsar(outcome, columns, 3, 5, positions, feedback, codes).coefficients[1:]
    assert slopes == pytest.approx(glsar(outcome, wide, 3, 5, positions, feedback).coefficients[-3:], abs=2e-3)
    raised = glsar(outcome + 1e3 * codes, columns, 3, 5, positions, feedback, codes)
    assert raised.coefficients[1:] == pytest.approx(slopes, rel=1e-6)


def test_a_column_that_is_constant_within_each_group_has_no_slope():
    outcome, columns, codes, positions = _grouped()
    constant = np.column_stack([columns, 1e6 + np.sqrt(2) * codes])
    assert np.isnan(least_squares(outcome, constant, groups=codes).coefficients[-1])
    assert np.isnan(glsar(outcome, constant, 3, 5, positions, groups=codes).coefficients[-1])
