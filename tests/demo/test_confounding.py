"""The shop fools who reads dashboards, and not who adjusts: plain numpy, Bartlett-weighted (Newey-West) intervals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datasource.demo.services import SERVICES
from datasource.demo.shop import Shop

TRUTH = Shop(0).truth().restarts_on_latency


def slopes(outcome: NDArray[np.float64], *regressors: NDArray[np.float64], lags: int = 60):
    """Least-squares slopes, and their covariance robust to autocorrelation over `lags` steps."""
    centred = [column - column.mean() for column in regressors]
    design = np.column_stack([np.ones(len(outcome)), *centred])
    bread = np.linalg.inv(design.T @ design)
    coefficients = bread @ design.T @ outcome
    scores = design * (outcome - design @ coefficients)[:, None]
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        lagged = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (lagged + lagged.T)
    return coefficients[1:], (bread @ meat @ bread)[1:, 1:]


@pytest.fixture(params=[service.name for service in SERVICES])
def signals(request, history):
    metrics = ("service:latency_seconds:mean30s", "service:restarts:increase30s", "service:requests:rate30s")
    return tuple(history(metric, service=request.param) for metric in metrics)


def test_the_naive_slope_misses_the_truth_by_far_more_than_its_interval(signals):
    latency, restarts, _ = signals
    slope, covariance = slopes(latency, restarts)
    half_width = 1.96 * np.sqrt(covariance[0, 0])
    assert slope[0] - half_width > 1.8 * TRUTH
    assert slope[0] - TRUTH > 1.8 * TRUTH


def test_adjusting_for_load_recovers_the_truth(signals):
    latency, restarts, requests = signals
    slope, covariance = slopes(latency[1:], restarts[1:], restarts[:-1], requests[1:], requests[:-1])
    total = slope[0] + slope[1]
    half_width = 2.6 * np.sqrt(covariance[:2, :2].sum())
    assert abs(total - TRUTH) < half_width
    assert half_width < TRUTH / 2


def test_load_as_cpu_shows_it_serves_as_well(history):
    read = {
        name: history(f"service:{name}", service="accounts")
        for name in ("latency_seconds:mean30s", "restarts:increase30s", "cpu_cores:rate30s")
    }
    latency, restarts, cpu = read.values()
    slope, covariance = slopes(latency[1:], restarts[1:], restarts[:-1], cpu[1:])
    assert abs(slope[0] + slope[1] - TRUTH) < 2.6 * np.sqrt(covariance[:2, :2].sum())
