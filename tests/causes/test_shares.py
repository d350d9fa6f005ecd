"""Shares of failures, and what counts successes, are judged as the failures that they tell of."""

import numpy as np
import pytest

from datasource.anomaly.fit import fit_mechanisms
from datasource.causes.ranking.rank import rank
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import CausalGraph
from datasource.settings import Signal

STEP, POINTS, FAULT = 60, 3 * 1440, slice(2 * 1440 + 700, 2 * 1440 + 720)
WEB, DB = (Entity("service", (("service", name),)) for name in ("web", "db"))

WAYS = {
    "failures": ("failure", "reqps", lambda ratio, load: ratio * load),
    "failure ratio": ("failure", "percentunit", lambda ratio, load: ratio),
    "failure percentage": ("failure", "percent", lambda ratio, load: 100 * ratio),
    "successes": ("success", "reqps", lambda ratio, load: (1 - ratio) * load),
    "success ratio": ("success", "percentunit", lambda ratio, load: 1 - ratio),
    "success percentage": ("success", "%", lambda ratio, load: 100 * (1 - ratio)),
}


def told(way, *, with_load=True):
    """Two days and the third, in which 15% of the requests fail for 20 minutes, told in one of these ways."""
    role, unit, values = WAYS[way]
    rng = np.random.default_rng(3)
    minutes = np.arange(POINTS)
    load = 300 * (1 - 0.9 * np.cos(2 * np.pi * minutes / 1440)) * rng.uniform(0.95, 1.05, POINTS) + 10
    ratio = rng.poisson(0.002 * load * STEP) / (load * STEP)
    ratio[FAULT] += 0.15
    signals = {"told": Signal(entity="service", query="q", window=60, unit=unit, role=role)}
    rows = {Variable(WEB, "told"): values(ratio, load)}
    if with_load:
        signals["requests"] = Signal(entity="service", query="q", window=60, unit="reqps", role="load")
        rows[Variable(WEB, "requests")] = load
    return Matrix(tuple(rows), 0, STEP, np.array(list(rows.values()))), Roles(signals)


def predicted(way, **how):
    matrix, roles = told(way, **how)
    baseline = matrix.between(0, (2 * 1440 - 1) * STEP)
    mechanisms = fit_mechanisms(baseline, CausalGraph(matrix.variables, ()), roles, false_alarms_per_day=0.5)
    return mechanisms.marginal[Variable(WEB, "told")].predict(matrix, roles)


@pytest.mark.parametrize("way", WAYS)
def test_the_score_is_the_same_however_failures_are_told(way):
    found, plain = predicted(way), predicted("failures")
    np.testing.assert_allclose(found.score, plain.score, rtol=1e-6, atol=1e-9)
    assert found.score[FAULT].min() > 1
    assert np.nanmax(np.delete(found.score, np.r_[FAULT])) < 1.5


@pytest.mark.parametrize("way", WAYS)
def test_what_is_expected_is_in_the_unit_of_the_signal(way):
    matrix, _ = told(way)
    found = predicted(way)
    np.testing.assert_array_equal(found.observed, matrix.row(Variable(WEB, "told")))
    quiet = np.delete(np.arange(POINTS), np.r_[FAULT])
    inside = (found.lower <= found.observed) & (found.observed <= found.upper)
    assert inside[quiet].mean() > 0.99
    outside = found.observed < found.lower if "success" in way else found.observed > found.upper
    assert outside[FAULT].all()


def test_a_share_needs_no_load():
    found = predicted("success percentage", with_load=False)
    assert found.score[FAULT].min() > 1


def test_successes_of_unknown_requests_tell_nothing():
    matrix, roles = told("successes", with_load=False)
    assert np.isnan(roles.level(matrix, Variable(WEB, "told"))).all()


@pytest.mark.parametrize("way", WAYS)
def test_the_ranking_sees_the_same_failures(way):
    role, unit, values = WAYS[way]
    signals = {
        "told": Signal(entity="service", query="q", window=60, unit=unit, role=role),
        "requests": Signal(entity="service", query="q", window=60, unit="reqps", role="load"),
    }

    def measured(points, seed, db_ratio):
        rng = np.random.default_rng(seed)
        rows = {}
        for entity, ratio in ((WEB, 0.002), (DB, db_ratio)):
            load = 50 * rng.uniform(0.95, 1.05, points)
            rows[Variable(entity, "requests")] = load
            rows[Variable(entity, "told")] = values(ratio * rng.uniform(0.5, 1.5, points), load)
        return Matrix(tuple(rows), 0, STEP, np.array(list(rows.values())))

    found = rank(measured(60, 1, 0.002), measured(5, 2, 0.1), signals, [(WEB, DB)])
    assert max(found.confidence, key=found.confidence.get) == DB
    assert found.confidence[DB] > 0.8


def test_a_success_rate_that_is_always_zero_says_nothing():
    signals = {
        "told": Signal(entity="service", query="q", window=60, unit="%", role="success"),
        "cpu": Signal(entity="service", query="q", window=60, role="saturation"),
    }

    def measured(points, cpu):
        rows = {
            Variable(WEB, "told"): np.zeros(points),
            Variable(WEB, "cpu"): cpu + np.random.default_rng(0).random(points),
        }
        return Matrix(tuple(rows), 0, STEP, np.array(list(rows.values())))

    scores = {one.variable.signal: one.score for one in rank(measured(60, 1), measured(5, 9), signals).variables}
    assert scores["told"] < scores["cpu"]


@pytest.mark.parametrize("way", WAYS)
def test_a_level_is_told_as_its_signal_tells_it(way):
    _, roles = told(way)
    expected = {"failures": 0.15, "failure percentage": 15, "successes": 0.85, "success ratio": 0.85}
    expected |= {"failure ratio": 0.15, "success percentage": 85}
    assert roles.told(Variable(WEB, "told"), 0.15) == pytest.approx(expected[way])
