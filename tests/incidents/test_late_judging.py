"""A variable whose samples come late is judged on the newest that it has; who is silent is neither well nor broken."""

from collections.abc import Mapping

import numpy as np
import pytest

from datasource.anomaly import Mechanisms, fit_mechanisms
from datasource.causes import Judgement, judge
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.graph import CausalGraph, Edge
from datasource.incidents.episodes import Episodes
from datasource.settings import Signal
from datasource.topology import EntityRelation, Topology

STEP, N = 30, 600
SIGNALS = {
    "cpu": Signal(entity="service", query="q", window=30, role="saturation"),
    "busy": Signal(entity="service", query="q", window=30, role="work"),
}
WEB, DB = (Entity("service", (("service", name),)) for name in ("web", "db"))
BUSY, ITS, CPU = Variable(WEB, "busy"), Variable(DB, "busy"), Variable(WEB, "cpu")
TOPOLOGY = Topology((EntityRelation("calls", (("client", WEB), ("server", DB))),))


@pytest.fixture(scope="module")
def normal() -> Matrix:
    rng = np.random.default_rng(5)
    db = 0.1 + rng.normal(0, 0.002, N)
    values = np.stack([0.2 + db + rng.normal(0, 0.002, N), db, 0.5 + rng.normal(0, 0.01, N)])
    return Matrix((BUSY, ITS, CPU), 0, STEP, values)


@pytest.fixture(scope="module")
def mechanisms(normal: Matrix) -> Mechanisms:
    return fit_mechanisms(normal, CausalGraph(normal.variables, (Edge(ITS, BUSY, 0),)), Roles(SIGNALS))


def broken(normal: Matrix, silent: Mapping[Variable, int], by: float = 0.3) -> Matrix:
    """From 40 steps before the end on db, and web for it, is slower; some samples are not there yet."""
    values = normal.values.copy()
    values[:2, -40:] += by
    for variable, steps in silent.items():
        values[normal.variables.index(variable), N - steps :] = np.nan
    return Matrix(normal.variables, 0, STEP, values)


def judged(matrix: Matrix, mechanisms: Mechanisms, late: Mapping[str, int] | None = None) -> Judgement:
    return judge(matrix, mechanisms, Roles(SIGNALS), TOPOLOGY, late=late)


@pytest.mark.parametrize("late", [None, {"busy": 300}])
def test_a_late_signal_alarms_on_its_newest_points_and_its_cause_is_named(
    normal: Matrix, mechanisms: Mechanisms, late: Mapping[str, int] | None
) -> None:
    matrix = broken(normal, {BUSY: 10, ITS: 10})
    if late is None:  # then something newer is known of whoever is late
        matrix = broken(normal, {BUSY: 10, ITS: 0})
    found = judged(matrix, mechanisms, late)
    named = {verdict.entity: verdict.root_cause for verdict in found.verdicts}
    assert named[WEB] == DB
    scores = found.scores[BUSY]
    assert (scores.behind, scores.causal.observed[-1]) == (10, matrix.row(BUSY)[-11])
    assert WEB in found.judged


def test_when_it_was_anomalous_is_told_in_its_own_time(normal: Matrix, mechanisms: Mechanisms) -> None:
    found = judged(broken(normal, {BUSY: 10}), mechanisms)
    verdict = next(one for one in found.verdicts if one.entity == WEB)
    episodes = Episodes(found, normal.end, STEP, 3, 5, 20)
    assert episodes.of_verdict(verdict, known=True).last == normal.end - 10 * STEP


@pytest.mark.parametrize(
    ("silent", "late"),
    [
        ({BUSY: 10, CPU: 10}, None),
        ({BUSY: 25}, None),
        ({BUSY: 10}, {}),
        ({BUSY: 10}, {"busy": 240}),
        ({BUSY: 10}, {"cpu": 600}),
    ],
    ids=["nothing of the entity is newer", "too old to be late", "nothing is late", "later than it may be", "others"],
)
def test_who_is_silent_is_not_judged(
    normal: Matrix, mechanisms: Mechanisms, silent: Mapping[Variable, int], late: Mapping[str, int] | None
) -> None:
    found = judged(broken(normal, silent), mechanisms, late)
    assert np.isnan(found.scores[BUSY].marginal.score[-1])
    assert WEB not in {verdict.entity for verdict in found.verdicts}
    assert CPU in silent or WEB in found.judged  # by its cpu
