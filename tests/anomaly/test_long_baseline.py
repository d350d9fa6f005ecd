"""A baseline of weeks: the season of the week is known, and what lies between the older points is not made up."""

import numpy as np
import pytest

from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.anomaly.persistence import USUAL, persisting
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.settings import Signal

STEP, OLDER_STEP, DAY = 30, 330, 86400
SIGNALS = {
    "requests": Signal(entity="service", query="q", window=30, role="load"),
    "cpu": Signal(entity="service", query="q", window=30, role="saturation"),
    "restarts": Signal(entity="service", query="q", window=30, role="event", kind="event"),
}
ROLES = Roles(SIGNALS)
WEB = Entity("service", (("service", "web"),))
REQUESTS, CPU, RESTARTS = (Variable(WEB, name) for name in SIGNALS)
START = 28 * DAY // OLDER_STEP * OLDER_STEP
"""Where the recent days begin: four weeks after the oldest point."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def weekly(times: np.ndarray) -> Floats:
    """A load that is twice as high at one end of the week as at the other."""
    return 100 + 40 * np.sin(2 * np.pi * times / (7 * DAY)) + 20 * np.sin(2 * np.pi * times / DAY)


def matrix(rng: np.random.Generator, start: int, end: int, step: int) -> Matrix:
    times = np.arange(start, end, step)
    requests = weekly(times) + rng.normal(0, 2, times.size)
    cpu = 0.01 * requests + rng.normal(0, 0.02, times.size)
    restarts = (rng.random(times.size) < 0.01).astype(float)
    return Matrix((REQUESTS, CPU, RESTARTS), start, step, np.stack([requests, cpu, restarts]))


def fitted(rng: np.random.Generator, *edges: Edge, older: bool = True) -> Mechanisms:
    old = matrix(rng, 0, START, OLDER_STEP)
    recent = matrix(rng, START, START + 2 * DAY, STEP)
    graph = CausalGraph((REQUESTS, CPU, RESTARTS), edges)
    return fit_mechanisms(recent, graph, ROLES, older=old if older else None)


def test_the_time_of_the_week_is_expected(rng: np.random.Generator) -> None:
    later = matrix(rng, START + 2 * DAY, START + 5 * DAY, STEP)
    knows = fitted(rng).marginal[REQUESTS].predict(later, ROLES)
    assert np.abs(knows.expected - weekly(later.times)).max() < 3
    assert persisting(knows.score, USUAL).max() < 1
    surprised = fitted(rng, older=False).marginal[REQUESTS].predict(later, ROLES)
    assert persisting(surprised.score, USUAL).max() > 1


def test_what_is_related_within_a_step_is_fitted_on_all_points(rng: np.random.Generator) -> None:
    mechanism = fitted(rng, Edge(REQUESTS, CPU, 0)).causal[CPU]
    assert mechanism.slope(REQUESTS) == pytest.approx(0.01, rel=0.05)
    assert mechanism.points > 5760 + 6000
    assert mechanism.weekly


@pytest.mark.parametrize("edge", [Edge(REQUESTS, CPU, 1), Edge(RESTARTS, CPU, 0), Edge(REQUESTS, RESTARTS, 0)])
def test_lagged_causes_and_events_are_fitted_on_the_recent_points_alone(rng: np.random.Generator, edge: Edge) -> None:
    with_older = fitted(np.random.default_rng(3), edge).causal[edge.effect]
    without = fitted(np.random.default_rng(3), edge, older=False).causal[edge.effect]
    assert np.array_equal(with_older.coefficients, without.coefficients)
    assert (with_older.points, with_older.weekly) == (without.points, False)


def test_a_variable_that_older_points_do_not_know_is_fitted_on_the_recent_ones(rng: np.random.Generator) -> None:
    old = matrix(rng, 0, START, OLDER_STEP).select([REQUESTS])
    recent = matrix(rng, START, START + 2 * DAY, STEP)
    mechanisms = fit_mechanisms(recent, CausalGraph(recent.variables, ()), ROLES, older=old)
    assert mechanisms.marginal[REQUESTS].weekly
    assert not mechanisms.marginal[CPU].weekly
    assert mechanisms.marginal[CPU].points <= 5760
