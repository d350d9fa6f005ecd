"""Errors of series whose points hang together: by memory, and by windows that overlap."""

import numpy as np
import pytest
from scipy.signal import lfilter

from datasource.numerics import hac_slope, long_run_covariance, long_run_errors, long_run_terms


def means_over(window: int, n: int, runs: int) -> np.ndarray:
    """Noise of variance 1 as its means over windows that overlap (runs, n): their sums have the variance n."""
    noise = np.random.default_rng(11).normal(size=(runs, n + window - 1))
    sums = np.pad(noise.cumsum(axis=1), ((0, 0), (1, 0)))
    return (sums[:, window:] - sums[:, :-window]) / window


@pytest.mark.parametrize(("window", "n"), [(50, 1000), (100, 2000)])
def test_what_windows_that_overlap_share_is_in_the_error(window: int, n: int):
    variances = long_run_errors(means_over(window, n, 100), window) ** 2
    assert 0.85 * n < variances.mean() < 1.4 * n


def test_windows_that_overlap_leave_no_more_freedom_than_half_of_them_have():
    assert long_run_terms(1000, 50) == 10
    assert long_run_terms(1000) > 10


def test_a_long_memory_is_in_the_error():
    series = lfilter([1.0], [1.0, -0.8], np.random.default_rng(0).normal(size=(40, 2300)))[:, 300:]
    errors = long_run_errors(series)
    assert (errors**2).mean() == pytest.approx(2000 / (1 - 0.8) ** 2, rel=0.25)
    np.testing.assert_allclose(np.sqrt(np.diag(long_run_covariance(series))), errors)


@pytest.mark.parametrize(("memory", "least"), [(0.0, 0.93), (0.9, 0.90), (0.97, 0.86)])
def test_the_slope_of_two_series_that_have_nothing_to_do_with_each_other_is_within_its_interval(memory, least):
    noise = lfilter([1.0], [1.0, -memory], np.random.default_rng(3).normal(size=(2, 300, 780)))[:, :, 300:]
    slopes = [hac_slope(outcome, treatment) for outcome, treatment in zip(*noise, strict=True)]
    assert np.mean([one.lower <= 0 <= one.upper for one in slopes]) >= least
