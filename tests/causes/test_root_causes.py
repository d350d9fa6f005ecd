"""Root causes on the simulated shop, whose truth is known."""

import numpy as np
import pytest
from worlds import World

from datasource.causes import Judgement, Recent, judge, root_causes
from datasource.data import Entity, Matrix, Roles, Variable
from datasource.demo.faults import PAST, PRESENT, Fault
from datasource.service import Snapshot


@pytest.fixture(scope="module")
def snapshot(world: World) -> Snapshot:
    assert world.clock.snapshot
    return world.clock.snapshot


def at_step(snapshot: Snapshot, step: int) -> Judgement:
    """The judgement as it was at a step of the shop's history, with today's mechanisms."""
    matrix = snapshot.matrix
    until = Matrix(matrix.variables, matrix.start, matrix.step, matrix.values[:, : step + 1])
    assert snapshot.mechanisms
    return judge(until, snapshot.mechanisms, snapshot.roles, snapshot.topology)


def entity(snapshot: Snapshot, name: str) -> Entity:
    return next(e for e in snapshot.entities if e.type == "service" and e.name == name)


def test_the_injected_faults_service_ranks_first_for_every_symptom(snapshot: Snapshot) -> None:
    assert snapshot.judgement
    assert snapshot.judgement.symptoms
    for causes in snapshot.judgement.symptoms:
        assert causes.contributions[0].variable.entity.name == PRESENT.service


def test_victims_suffer_but_did_not_break(snapshot: Snapshot) -> None:
    assert snapshot.judgement
    scores = snapshot.judgement.scores
    for victim in ("web", "catalog", "checkout"):
        for signal in ("latency", "busy"):
            score = scores[Variable(entity(snapshot, victim), signal)]
            assert score.marginal.score[-1] > 1
            assert score.causal.score[-1] < 1
    root = scores[Variable(entity(snapshot, "inventory"), "latency")]
    assert root.causal.score[-1] > 1


def test_every_victim_names_the_root_and_nobody_else_is_anomalous(snapshot: Snapshot) -> None:
    assert snapshot.judgement
    named = {v.entity.name: v.root_cause.name if v.root_cause else "" for v in snapshot.judgement.verdicts}
    assert named == dict.fromkeys(("web", "catalog", "checkout", "orders", "inventory"), "inventory")


def test_users_feel_the_entry_and_not_the_far_end_of_a_queue(snapshot: Snapshot) -> None:
    """Nobody waits for orders either, but most of what is anomalous hangs below web."""
    assert snapshot.judgement
    assert [str(causes.symptom) for causes in snapshot.judgement.symptoms] == [
        "shop/web.latency",
        "shop/orders.latency",
    ]
    (going_on,) = (incident for incident in snapshot.incidents if incident.open)
    assert str(going_on.causes.symptom) == "shop/web.latency"


def test_contributions_add_up_to_the_symptoms_gap(snapshot: Snapshot) -> None:
    assert snapshot.judgement
    for causes in snapshot.judgement.symptoms:
        told = [*causes.contributions, *causes.outside]
        assert sum(part.contribution for part in told) + causes.unexplained == pytest.approx(causes.gap, rel=1e-9)
        assert abs(causes.unexplained) < 0.1 * causes.gap
        assert causes.gap > 0.05


def test_the_named_cause_is_sure(snapshot: Snapshot) -> None:
    assert snapshot.judgement
    for causes in snapshot.judgement.symptoms:
        assert causes.contributions[0].confidence > 0.6
        assert [root.name for root, _ in causes.likely] == [PRESENT.service]


@pytest.mark.parametrize("fault", [f for f in PAST if f.kind != "surge"], ids=lambda f: f"{f.kind} {f.service}")
def test_past_faults_are_attributed_to_their_service(snapshot: Snapshot, fault: Fault) -> None:
    judgement = at_step(snapshot, fault.start_step + 12)
    roots = {v.root_cause.name for v in judgement.verdicts if v.root_cause}
    assert roots == {fault.service}


def test_nobody_is_at_fault_in_a_surge(snapshot: Snapshot) -> None:
    surge = next(f for f in PAST if f.kind == "surge")
    judgement = at_step(snapshot, surge.start_step + 12)
    assert not [v for v in judgement.verdicts if v.root_cause]
    for causes in judgement.symptoms:
        assert causes.outside[0].kind == "demand"


def test_quiet_times_are_quiet(snapshot: Snapshot) -> None:
    noisy = {step for fault in PAST for step in range(fault.start_step - 5, fault.start_step + fault.steps + 10)}
    steps = [s for s in range(100, PRESENT.start_step - 10, 97) if s not in noisy]
    blamed = [step for step in steps if at_step(snapshot, step).verdicts]
    assert len(blamed) <= 0.02 * len(steps)


def test_a_slow_call_between_two_healthy_services_belongs_to_the_call(snapshot: Snapshot) -> None:
    """Seconds per call rise at the client while the server is as fast as ever."""
    assert snapshot.mechanisms
    matrix = snapshot.matrix.between(snapshot.matrix.start, snapshot.matrix.start + 3000 * 30)
    values = matrix.values.copy()
    rows = {variable: row for row, variable in enumerate(matrix.variables)}
    web, cart = entity(snapshot, "web"), entity(snapshot, "cart")
    call = next(tie.end("call") for tie in snapshot.topology.ties if tie.ends[0][1] == web and tie.ends[1][1] == cart)
    assert call
    recent = slice(-5, None)
    extra = 0.4 * values[rows[Variable(call, "call_requests")], recent]
    values[rows[Variable(call, "call_seconds")], recent] += extra
    values[rows[Variable(web, "busy")], recent] += extra
    values[rows[Variable(web, "latency")], recent] += extra / values[rows[Variable(web, "requests")], recent]
    slow = Matrix(matrix.variables, matrix.start, 30, values).between(matrix.end - 120, matrix.end)
    found = root_causes(
        Recent(slow, snapshot.mechanisms, snapshot.roles, snapshot.topology), Variable(web, "latency")
    ).contributions[0]
    assert found.variable.entity == call
    assert found.share > 0.8


def test_the_named_cause_does_not_flap(snapshot: Snapshot) -> None:
    """Who was named stays named while a new one is not clearly larger."""
    assert snapshot.mechanisms
    assert snapshot.judgement
    named = snapshot.judgement.verdicts
    again = judge(snapshot.matrix, snapshot.mechanisms, snapshot.roles, snapshot.topology, previous=named)
    assert all(v.root_cause == entity(snapshot, "inventory") for v in again.verdicts)


def test_a_symptom_without_a_gap_has_no_causes(snapshot: Snapshot) -> None:
    recent = snapshot.recent
    assert recent
    quiet = Variable(entity(snapshot, "payment"), "restarts")
    assert np.isfinite(root_causes(recent, quiet).gap)
    unknown = Variable(entity(snapshot, "payment"), "latency")._replace(entity=Entity("service", (("service", "no"),)))
    assert root_causes(recent, unknown).contributions == ()


def test_roles_decide_what_is_judged_per_request(snapshot: Snapshot) -> None:
    roles: Roles = snapshot.roles
    web = entity(snapshot, "web")
    busy, latency = Variable(web, "busy"), Variable(web, "latency")
    assert np.allclose(roles.level(snapshot.matrix, busy), snapshot.matrix.row(latency), rtol=1e-4)


def test_a_failure_symptom_is_told_in_failures_per_second(snapshot: Snapshot) -> None:
    fault = next(f for f in PAST if f.kind == "failing")
    judgement = at_step(snapshot, fault.start_step + 12)
    causes = next(v.causes for v in judgement.verdicts if v.entity.name == fault.service)
    assert causes.symptom.signal == "errors"
    errors = snapshot.matrix.row(causes.symptom)[fault.start_step + 8 : fault.start_step + 13].mean()
    assert causes.gap == pytest.approx(errors, rel=0.2)
