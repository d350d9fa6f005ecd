"""What is young is judged as soon as it has enough samples, however long the baseline is meant to be."""

import numpy as np
import pytest

from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.data import Entity, Floats, Matrix, Roles, Variable
from datasource.graph import CausalGraph
from datasource.settings import Signal

SIGNALS = {
    "latency": Signal(entity="service", query="q", window=30, role="latency"),
    "deploys": Signal(entity="service", query="q", window=30, kind="event", role="event"),
}
ROLES = Roles(SIGNALS)
STEP, DAY = 30, 2880
NEW, OLD = (Variable(Entity("service", (("service", name),)), "latency") for name in ("new", "old"))
DEPLOYS = Variable(NEW.entity, "deploys")
SPREAD = 0.01


def fit(rows: dict[Variable, Floats]) -> Mechanisms:
    matrix = Matrix(tuple(rows), 0, STEP, np.stack([*rows.values()]))
    return fit_mechanisms(matrix, CausalGraph(tuple(rows), ()), ROLES, min_points=100)


def latency(points: int, known: int, seed: int = 1) -> Floats:
    values = 0.2 + SPREAD * np.random.default_rng(seed).standard_normal(points)
    values[: points - known] = np.nan
    return values


@pytest.mark.parametrize(("days", "hours"), [(1, 1), (1, 2), (1, 4), (7, 2), (7, 16), (7, 30)])
def test_a_new_service_has_an_interval_as_narrow_as_what_it_shows(days: int, hours: int) -> None:
    """All that is known of it lies within one or two parts of the baseline."""
    rows = {NEW: latency(days * DAY, hours * DAY // 24), OLD: latency(days * DAY, days * DAY, seed=2)}
    mechanisms = fit(rows)
    assert 1.45 * SPREAD < mechanisms.marginal[NEW].above < 5 * SPREAD
    assert 1.45 * SPREAD < mechanisms.marginal[OLD].above < 5 * SPREAD


@pytest.mark.parametrize("events", [False, True])
def test_a_new_installation_is_judged_by_the_time_that_it_knows(events: bool) -> None:
    """The rest of its baseline is empty, but for events, which are 0 where there was none."""
    known = 240
    young, alone = latency(2 * DAY, known), latency(2 * DAY, known)[-known:]
    found = fit({NEW: young, DEPLOYS: np.zeros(2 * DAY)} if events else {NEW: young})
    expected = fit({NEW: alone})
    assert found.marginal[NEW].above == pytest.approx(expected.marginal[NEW].above, rel=0.05)
    assert found.supported == pytest.approx(expected.supported)
    assert found.lasting == expected.lasting
