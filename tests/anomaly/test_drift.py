"""Between two fits mechanisms follow slow drift, and learn no anomaly."""

import numpy as np

from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.anomaly.drift import follow_drift
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph
from datasource.settings import Signal

SIGNALS = {
    "memory": Signal(entity="service", query="q", window=60, role="saturation"),
    "requests": Signal(entity="service", query="q", window=60, role="load"),
    "busy": Signal(entity="service", query="q", window=60, role="work"),
}
ROLES = Roles(SIGNALS)
WEB = Entity("service", (("service", "web"),))
MEMORY, REQUESTS, BUSY = (Variable(WEB, name) for name in SIGNALS)
STEP, DAY = 60, 1440


def matrix(values: Floats, start: int = 0) -> Matrix:
    load = np.full(values.size, 50.0)
    return Matrix((MEMORY, REQUESTS, BUSY), start, STEP, np.stack([values, load, load * values / 1000]))


def fitted(rng: np.random.Generator) -> Mechanisms:
    before = matrix(100 + rng.normal(0, 1, DAY))
    return fit_mechanisms(before, CausalGraph(before.variables, ()), ROLES)


def live_through(mechanisms: Mechanisms, later: Matrix) -> tuple[Mechanisms, Floats]:
    """The mechanisms at the end, and the score of memory at every step."""
    scores = []
    for time in later.times.tolist():
        now = later.between(time, time)
        seen = {v: mechanism.predict(now, ROLES) for v, mechanism in mechanisms.causal.items()}
        scores.append(seen[MEMORY].score[-1])
        mechanisms = follow_drift(mechanisms, seen, seen, STEP)
    return mechanisms, np.array(scores)


def test_a_level_that_moves_slowly_is_followed() -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(rng)
    width = mechanisms.causal[MEMORY].above
    slowly = 100 + np.linspace(0, 0.4 * width, 3 * DAY) + rng.normal(0, 1, 3 * DAY)
    followed, _ = live_through(mechanisms, matrix(slowly, DAY * STEP))
    later = matrix(np.full(1, 100 + 0.4 * width), 4 * DAY * STEP)
    gap = [one.causal[MEMORY].predict(later, ROLES) for one in (mechanisms, followed)]
    before, after = (float((one.observed - one.expected)[0]) for one in gap)
    assert abs(after) < 0.5 * before
    assert followed.causal[BUSY].drift > 0  # judged per request, moved per request
    assert followed.causal[BUSY].drift < followed.causal[BUSY].above


def test_a_lasting_fault_is_not_learnt() -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(rng)
    broken = 100 + 4 * mechanisms.causal[MEMORY].above + rng.normal(0, 1, DAY)
    _, scores = live_through(mechanisms, matrix(broken, DAY * STEP))
    assert (scores > 1).all()


def test_a_fault_of_an_hour_moves_the_level_by_little() -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(rng)
    broken = 100 + 20 * mechanisms.causal[MEMORY].above + rng.normal(0, 1, 60)
    after, _ = live_through(mechanisms, matrix(broken, DAY * STEP))
    moved = after.causal[MEMORY].drift - mechanisms.causal[MEMORY].drift
    assert 0 < moved < 0.1 * mechanisms.causal[MEMORY].above


def test_a_leak_is_not_followed_for_ever() -> None:
    rng = np.random.default_rng(1)
    mechanisms = fitted(rng)
    leak = 100 + np.linspace(0, 6 * mechanisms.causal[MEMORY].above, 2 * DAY) + rng.normal(0, 1, 2 * DAY)
    _, scores = live_through(mechanisms, matrix(leak, DAY * STEP))
    assert scores[-1] > 1
