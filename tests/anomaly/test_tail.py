"""The tail of rare events: what is exceeded so many times a day, seen or not."""

import numpy as np
import pytest
from scipy.stats import genpareto

from datasource.anomaly.tail import fit_tail


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
def test_the_level_of_a_rate_is_that_of_the_distribution(shape: float) -> None:
    peaks = 1 + genpareto.rvs(shape, scale=2, size=4000, random_state=np.random.default_rng(3))
    tail = fit_tail(peaks, 1.0, days=40)
    for rate in (10.0, 1.0, 0.1):
        assert tail.level(rate) == pytest.approx(1 + genpareto.isf(rate / 100, shape, scale=2), rel=0.15)


def test_few_peaks_have_nearly_an_exponential_tail() -> None:
    peaks = np.array([1.1, 1.2, 1.3, 1.4, 9.0])
    assert abs(fit_tail(peaks, 1.0, 1.0).shape) < 0.15


def test_what_is_asked_more_often_than_it_was_seen_is_where_the_tail_begins() -> None:
    assert fit_tail(np.array([2.0, 3.0]), 1.0, days=1.0).level(5.0) == 1.0


@pytest.mark.parametrize("peaks", [[], [1.0], [2.0], [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]])
def test_degenerate_peaks_have_a_finite_level(peaks: list[float]) -> None:
    assert np.isfinite(fit_tail(np.array(peaks), 1.0, 1.0).level(0.01))
