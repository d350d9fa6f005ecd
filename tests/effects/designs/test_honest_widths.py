"""Intervals of designs are as wide as their estimates scatter: neither narrower, nor much wider."""

import numpy as np
import pytest

from benchmarks.scenarios import SCENARIOS, simulate
from datasource.effects.methods import ESTIMATORS

RUNS = 120


@pytest.mark.parametrize(
    ("scenario", "method"),
    [
        ("single series", "interrupted_time_series"),
        ("noisy single series", "interrupted_time_series"),
        ("white single series", "interrupted_time_series"),
        ("cutoff", "regression_discontinuity"),
        ("coarse cutoff", "regression_discontinuity"),
    ],
)
def test_intervals_are_as_wide_as_estimates_scatter(scenario, method):
    effects = [ESTIMATORS[method].estimate(simulate(scenario, seed, 1000)).effect for seed in range(RUNS)]
    truth = SCENARIOS[scenario].truth
    held = np.mean([one.lower <= truth <= one.upper for one in effects])
    width = np.mean([one.upper - one.lower for one in effects])
    oracle = 2 * 1.96 * np.std([one.value for one in effects])
    assert 0.87 <= held <= 0.995
    assert 0.85 * oracle < width < 1.3 * oracle
