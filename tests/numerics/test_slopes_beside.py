"""Many treatments beside the same columns: the numbers of one regression at a time."""

from dataclasses import replace

import numpy as np
import pytest

from datasource.numerics import glsar, long_run_intervals, slopes_beside, whitened_least_squares


@pytest.mark.parametrize("lags", [0, 2])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_intervals_are_those_of_one_treatment_at_a_time(lags, gaps):
    rng = np.random.default_rng(1)
    n = 400
    columns, error = rng.normal(size=(n, 3)), np.cumsum(rng.normal(size=n)) * 0.1 + rng.normal(size=n)
    outcome = columns.sum(axis=1) + error
    positions = np.arange(n) + (np.arange(n) > 250) * 30 if gaps else np.arange(n)
    rho = glsar(outcome, columns, 5, 5, positions).rho
    treatments = [rng.normal(size=(n, lags + 1)) for _ in range(4)]
    found = slopes_beside(outcome, columns, treatments, rho, positions, window=2)
    for treatment, one in zip(treatments, found, strict=True):
        fit = whitened_least_squares(outcome, np.column_stack([columns, treatment]), rho, positions)
        contrast = np.zeros((1 + 3 + lags + 1, 1))
        contrast[-lags - 1 :] = 1
        (expected,) = long_run_intervals(replace(fit), contrast, 2)
        assert one == pytest.approx(expected, rel=1e-8)


def test_a_treatment_that_follows_from_the_columns_has_no_slope():
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(100, 2))
    (same, other) = slopes_beside(
        rng.normal(size=100), columns, [columns[:, :1] * 3, rng.normal(size=(100, 1))], np.zeros(0), np.arange(100)
    )
    assert np.isnan(same).all()
    assert np.isfinite(other).all()


def test_no_treatments_have_no_slopes():
    assert slopes_beside(np.arange(9.0), np.empty((9, 0)), [], np.zeros(0), np.arange(9)) == []
