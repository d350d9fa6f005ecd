"""Errors of series whose points look over windows that overlap."""

import numpy as np
import pytest

from datasource.numerics.hac import long_run_errors


def means_over(window: int, n: int, runs: int) -> np.ndarray:
    """Noise of variance 1 as its means over windows that overlap (runs, n): their sums have the variance n."""
    noise = np.random.default_rng(11).normal(size=(runs, n + window - 1))
    sums = np.pad(noise.cumsum(axis=1), ((0, 0), (1, 0)))
    return (sums[:, window:] - sums[:, :-window]) / window


@pytest.mark.parametrize(("window", "n"), [(50, 1000), (100, 2000)])
def test_what_windows_that_overlap_share_is_in_the_error(window: int, n: int):
    variances = long_run_errors(means_over(window, n, 100), window) ** 2
    assert 0.85 * n < variances.mean() < 1.15 * n


def test_an_error_is_never_below_newey_and_wests_over_the_window():
    series, window = means_over(40, 400, 50), 40
    weights = [1.0, *(2 * (1 - lag / (window + 1)) for lag in range(1, window + 1))]
    products = [(series[:, lag:] * series[:, : 400 - lag]).sum(axis=1) for lag in range(window + 1)]
    assert (long_run_errors(series, window) ** 2 >= np.array(weights) @ np.array(products) - 1e-9).all()
