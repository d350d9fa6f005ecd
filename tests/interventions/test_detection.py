"""Events that signals tell of are written down once; what happens by itself, or was written by somebody, is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_truth import CHECKOUT, SEARCH, START, STEP, USER, throttle
from worlds import World

from datasource.data import Entity, Matrix, Variable
from datasource.effects.result import Estimate
from datasource.interventions import InterventionLog
from datasource.interventions.detection import DETECTED, detect, the_same
from datasource.interventions.verdicts import Verdict
from datasource.service.intervening import Intervening
from datasource.settings import Signal
from datasource.settings.interventions import Interventions
from datasource.settings.store import Store

WEB = Entity("service", (("namespace", "shop"), ("service", "web")))
SIGNALS = {
    "rollouts": Signal(entity="service", query="q", window=STEP, kind="event", role="event", description="A rollout"),
    "paused": Signal(entity="service", query="q", window=STEP, kind="event", encode="active"),
    "latency": Signal(entity="service", query="q", window=STEP),
}


def events(signal: str = "rollouts", at: tuple[int, ...] = (50,), length: int = 1, n: int = 200) -> Matrix:
    row = np.zeros(n)
    for first in at:
        row[first : first + length] = 1
    return Matrix((Variable(WEB, signal),), START, STEP, row[None])


def test_an_event_begins_one_step_before_the_point_that_counts_it() -> None:
    (found,) = detect(events(), SIGNALS, ())
    assert found.said == {
        "kind": DETECTED,
        "targets": ["shop/web"],
        "start": START + 49 * STEP,
        "parameters": {"signal": "rollouts"},
        "why": "A rollout",
    }
    assert found.key == f"detected shop/web.rollouts {START + 50 * STEP}"


def test_one_that_is_active_has_an_end() -> None:
    start, end = detect(events("paused", length=20), SIGNALS, ())
    assert (end.of, end.said) == (start.key, {"end": START + 70 * STEP})


@pytest.mark.parametrize(
    "matrix",
    [
        events("latency"),
        events(at=()),
        events(at=(0,)),
        events(at=(20, 60, 100, 140)),
    ],
    ids=["no event", "none", "from the first point on", "more often than interventions are"],
)
def test_what_is_no_intervention_is_not_detected(matrix: Matrix) -> None:
    assert not [*detect(matrix, SIGNALS, ())]


def test_what_somebody_wrote_down_at_about_the_time_is_the_event() -> None:
    own = replace(throttle(first=40), targets=("web",))
    assert not [*detect(events(), SIGNALS, [own])]
    assert [*detect(events(), SIGNALS, [replace(own, targets=("db",))])]
    assert [*detect(events(), SIGNALS, [replace(own, start=START - 3600)])]
    assert the_same(own, replace(own, kind=DETECTED, start=own.start + 60))
    assert not the_same(own, replace(own, start=own.start + 60))


def follower(world: World, directory: Path, **settings: object) -> Intervening:
    changed = world.clock.evaluator.settings.model_copy(update={"signals": SIGNALS, **settings})
    return Intervening(changed, InterventionLog(Store(directory=directory)))


@pytest.fixture(scope="module")
def small() -> World:
    return World(steps=10)


def test_every_evaluation_and_every_restart_writes_it_down_once(small: World, tmp_path: Path) -> None:
    for _ in range(2):
        one = follower(small, tmp_path)
        for matrix in (events(), events("paused", (150,), length=20), events(n=210)):
            one.follow(matrix)
        assert [(known.kind, known.who) for known in one.known] == [(DETECTED, "signals")] * 2
        assert one.log.verify().entries == 3


def test_nothing_is_detected_where_the_settings_say_so_but_the_log_is_known(small: World, tmp_path: Path) -> None:
    one = follower(small, tmp_path, interventions=Interventions(detect=False))
    one.log.record({"kind": "deploy", "targets": ["shop/web"]}, "ci")
    one.follow(events())
    assert [known.kind for known in one.known] == ["deploy"]


def test_a_store_that_is_lost_is_a_notice_and_what_is_known_stays(small: World, tmp_path: Path) -> None:
    one = follower(small, tmp_path)
    one.follow(events())
    (tmp_path / "causal.sqlite").unlink()
    one.follow(events())
    assert "the log of interventions cannot be used" in one.notices[0]
    assert len(one.known) == 1


def test_the_shop_writes_its_rollouts_down_measures_them_and_judges_edges(tmp_path: Path) -> None:
    world = World(steps=5760)
    world.clock.evaluator.interventions.store = Store(directory=tmp_path)
    snapshot = world.tick()
    kinds = {(one.kind, one.parameters["signal"]) for one in snapshot.interventions}
    assert kinds == {(DETECTED, "rollouts")}, "restarts happen by themselves"
    newest = snapshot.interventions[0]
    assert newest.targets == ("platform/inventory",)
    impacts = {str(one.outcome): one for one in snapshot.assessed.impacts if one.intervention == newest.id}
    assert impacts["platform/inventory.latency"].average.lower > 0.1
    said = {(str(one.cause), str(one.effect)): one.kind for one in snapshot.assessed.verdicts}
    assert said["platform/inventory.latency", "shop/checkout.latency"] == "confirmed"
    edges = {(str(e.cause), str(e.effect)): [x.kind for x in e.evidence] for e in snapshot.graph.edges}
    assert "confirmed" in edges["platform/inventory.latency", "shop/checkout.latency"]


def test_verdicts_outlive_a_restart_and_the_newest_counts(small: World, tmp_path: Path) -> None:
    moved = Estimate(1.0, 0.9, 1.1, 0.0)
    first = Verdict(3, START, USER, CHECKOUT, "confirmed", moved, moved, moved, "it moved")
    one = follower(small, tmp_path)
    one.follow(events())
    assert one.learn((first, first._replace(effect=SEARCH, kind="undecided"))) == (first,)
    again = follower(small, tmp_path)
    again.follow(events())
    assert again.learn(()) == (first,)
    later = first._replace(intervention=4, kind="refuted", predicted=None)
    assert again.learn((later,)) == (later,)
    assert again.learn((first,)) == (later,), "an older one says nothing new"
