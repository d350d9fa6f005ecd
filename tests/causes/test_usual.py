"""What recurs is usual, what stands out is an incident, and one rule says which."""

import numpy as np
import pytest

from datasource.anomaly import LeftOut, Mechanisms, Persistence, fit_mechanisms
from datasource.anomaly.follow import follow
from datasource.anomaly.levels import Highest
from datasource.causes.watch import watch
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.settings import Signal

STEP, DAY = 300, 288
SIGNALS = {
    name: Signal(entity="host", query="q", window=300, role="saturation") for name in ("cpu", "memory", "disk", "net")
}
ROLES = Roles(SIGNALS)
HOST = Entity("host", (("host", "a"),))
CPU = Variable(HOST, "cpu")


def noise(days: float, seed: int = 0, signals: int = 1) -> Floats:
    return 50 + np.random.default_rng(seed).normal(0, 1, (signals, int(days * DAY)))


def matrix(values: Floats, start: int = 0) -> Matrix:
    variables = tuple(Variable(HOST, name) for name in [*SIGNALS][: len(values)])
    return Matrix(variables, start, STEP, values)


def fitted(values: Floats, promise: float = 0.5) -> Mechanisms:
    there = matrix(values)
    return fit_mechanisms(there, CausalGraph(there.variables, ()), ROLES, false_alarms_per_day=promise)


def heights(mechanisms: Mechanisms, values: Floats, start: int) -> Floats:
    """By time, how high anything persists: above 1 is an alarm."""
    seen = watch(mechanisms, matrix(values, start * STEP), ROLES, Persistence(), following=False)
    return np.max([height for one in seen for height in one.heights.values()], axis=0)


def nightly(values: Floats, height: float, days: range, rng: np.random.Generator, jitter: int = 0) -> Floats:
    """With a job of half an hour in the small hours of these days."""
    found = values.copy()
    for day in days:
        begin = day * DAY + 32 + int(rng.integers(-jitter, jitter + 1))
        found[0, begin : begin + 6] += height
    return found


@pytest.mark.parametrize("jitter", [0, 3])
def test_a_job_that_ran_in_enough_nights_does_not_page_at_night_and_does_at_noon(jitter: int) -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(nightly(noise(8), 40, range(8), rng, jitter))
    night = nightly(noise(1, seed=2), 40, range(1), rng, jitter)
    noon = noise(1, seed=2)
    noon[0, 140:146] += 40
    assert heights(mechanisms, night, 8 * DAY).max() < 1
    assert heights(mechanisms, noon, 8 * DAY).max() > 3


def test_twice_is_not_usual() -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(nightly(noise(8), 40, range(2), rng))
    assert heights(mechanisms, nightly(noise(1, seed=2), 40, range(1), rng), 8 * DAY).max() > 1


@pytest.mark.parametrize("points", [3, 5, 9, 30])
def test_one_blip_in_the_baseline_hides_no_later_fault(points: int) -> None:
    clean, blip = noise(3, signals=4), noise(3, signals=4)
    blip[0, 200 : 200 + points] += 50
    assert fitted(blip).causal[CPU].above < 2 * fitted(clean).causal[CPU].above
    fault = noise(0.2, seed=3, signals=4)
    fault[0, -6:] += 12
    assert heights(fitted(blip), fault, 3 * DAY)[-6:].max() > 1


@pytest.mark.parametrize("points", [2, 3, 4, 5, 8, 12])
def test_a_fit_in_the_middle_of_a_fault_does_not_hide_it(points: int) -> None:
    values = noise(2.5, signals=3)
    values[0, -points:] += 30
    mechanisms = fitted(values)
    assert mechanisms.causal[CPU].predict(matrix(values), ROLES).score[-1] > 1


def test_what_stays_for_half_a_day_is_the_calendar_and_no_incident() -> None:
    """A weekend of a baseline of one week is two days of it, and not three."""
    values = noise(7)
    values[0, 5 * DAY : 7 * DAY] += 8
    weekend = noise(1, seed=4) + 8
    week = [heights(fitted(one), weekend, 12 * DAY).max() for one in (values, noise(7))]
    assert week[0] < 1 < week[1]


def test_a_cause_that_moved_only_while_its_effect_was_broken_has_no_coefficient() -> None:
    values = noise(3, signals=2)
    values[1] = 0.0
    values[1, 400:412], values[0, 400:412] = 1.0, values[0, 400:412] + 60
    there = matrix(values)
    edge = Edge(Variable(HOST, "memory"), CPU, 0)
    recorded = LeftOut(HOST, 400 * STEP, 412 * STEP)
    mechanism = fit_mechanisms(there, CausalGraph(there.variables, (edge,)), ROLES, left_out=(recorded,)).causal[CPU]
    assert mechanism.slope(Variable(HOST, "memory")) == 0
    later = noise(0.2, seed=5, signals=2)
    later[1] = 1.0
    assert np.abs(mechanism.predict(matrix(later, 3 * DAY * STEP), ROLES).score).max() < 2


def test_strong_evidence_needs_two_points_and_weak_evidence_three() -> None:
    mechanisms = fitted(noise(4))
    strong, weak = noise(0.2, seed=6), noise(0.2, seed=6)
    one = mechanisms.causal[CPU]
    strong[0, 20:22] += 1.2 * one.strong * one.above
    weak[0, 20:22] += 1.05 * one.above
    assert heights(mechanisms, strong, 4 * DAY)[21] > 1 > heights(mechanisms, strong, 4 * DAY)[20]
    assert heights(mechanisms, weak, 4 * DAY)[:22].max() < 1


def test_many_signals_a_little_off_together_alarm_and_one_of_them_does_not() -> None:
    mechanisms = fitted(noise(8, signals=4))
    several, alone = noise(0.2, seed=7, signals=4), noise(0.2, seed=7, signals=4)
    above = np.array([mechanisms.causal[v].above for v in mechanisms.causal])
    several[:, 30:36] += 0.85 * above[:, None]
    alone[0, 30:36] += 0.85 * above[0]
    assert heights(mechanisms, alone, 8 * DAY).max() < 1 < heights(mechanisms, several, 8 * DAY).max()


def test_a_new_level_is_usual_after_a_day_and_a_fault_of_an_hour_moves_little() -> None:
    gaps = np.zeros((2, 4 * DAY))
    gaps[0, DAY:], gaps[1, DAY : DAY + 12] = 10.0, 10.0
    followed = follow(gaps, np.arange(4 * DAY) * STEP, lasting=86400.0)
    assert followed.gaps[0, 2 * DAY - 12] > 8
    assert abs(followed.gaps[0, 2 * DAY + 6 :]).max() < 1
    assert abs(followed.gaps[1, DAY + 12 :]).max() < 0.1


def test_variables_that_are_alike_have_like_levels() -> None:
    """A part of chance in eight parts is no difference between variables."""
    rng = np.random.default_rng(8)
    peaks = np.exp(rng.gumbel(0, 0.15, (200, 8)))
    levels = Highest(peaks, peaks, np.zeros(8, dtype=np.int64), np.ones(200)).levels(1000)
    assert levels.std() / levels.mean() < 0.15
    assert levels.mean() == pytest.approx(np.exp(0.15 * np.log(1000)), rel=0.25)


def test_what_is_near_its_bound_does_not_make_the_tail_of_others_light() -> None:
    """Joint scores of some entities come close to 1 every day; those of others may go far beyond their own."""
    rng = np.random.default_rng(9)
    places = np.repeat([-1.5, 1.5], 20)
    odds = np.exp(places[:, None] + rng.gumbel(0, 0.25, (40, 8)))
    peaks = odds / np.sqrt(1 + odds**2)
    levels = Highest(peaks, peaks, np.zeros(8, dtype=np.int64), np.zeros(40), bound=1.0).levels(1000)
    assert levels.max() < 1
    often = np.exp(-1.5 + 0.25 * np.log(1000))
    assert np.median(levels[:20]) == pytest.approx(often / np.sqrt(1 + often**2), rel=0.15)
