"""The clock: warms up, evaluates, survives Prometheus, and never serves what is too old."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from worlds import SETTINGS, Inline, World, half_a_day

from datasource.demo.series import SERIES
from datasource.graph import GraphError
from datasource.prometheus import PrometheusError
from datasource.service import Clock, Workers, samples
from datasource.settings import Loaded, parse_settings


def loaded(**changes: str) -> Loaded:
    text = SETTINGS.read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return Loaded(parse_settings(text), "test")


def without_effects() -> Loaded:
    text = Path(SETTINGS).read_text()
    return Loaded(parse_settings(text[: text.index("\neffects:")]), "test")


def test_a_young_prometheus_says_how_far_it_is() -> None:
    snapshot = World(steps=37, settings=without_effects()).tick()
    assert snapshot.warming_up == "warming up: 37 of 120 points"
    assert snapshot.mechanisms is None
    assert snapshot.judgement is None


def test_an_empty_prometheus_says_so() -> None:
    world = World(steps=10, settings=without_effects())
    world.now += 10 * 86400
    world.clock.tick()
    assert world.clock.snapshot
    assert "no samples for any configured signal" in world.clock.snapshot.warming_up


def test_scores_come_as_soon_as_the_warm_up_is_over() -> None:
    snapshot = World(steps=120, settings=without_effects()).tick()
    assert not snapshot.warming_up
    assert snapshot.judgement
    assert len(snapshot.judgement.scores) == len(snapshot.matrix.variables)


def test_a_snapshot_is_keyed_by_time_settings_graph_and_mechanisms(world: World) -> None:
    snapshot = world.clock.snapshot
    assert snapshot
    time, fingerprint, graph, mechanisms = snapshot.key
    assert time == snapshot.matrix.end == mechanisms
    assert len(fingerprint) == len(graph) == 12


def test_a_refresh_reads_the_tail_and_refits_only_when_due() -> None:
    world = World(steps=400, settings=without_effects())
    world.now -= 100 * 30
    first = world.tick()
    world.now += 30
    world.clock.tick()
    second = world.clock.snapshot
    assert second
    assert second.time == first.time + 30
    assert second.mechanisms is first.mechanisms
    world.now += 20 * 30
    world.clock.tick()
    assert world.clock.snapshot
    assert world.clock.snapshot.mechanisms is not first.mechanisms


def test_a_new_service_joins_the_graph_without_waiting_for_the_next_refit() -> None:
    world = World(steps=400, settings=without_effects())
    world.now -= 200 * 30
    whole = world.client.values.copy()
    accounts = [("service", "accounts") in one.labels or ("server", "accounts") in one.labels for one in SERIES]
    world.client.values[accounts] = np.nan
    before = world.tick()
    assert not any("accounts" in str(edge) for edge in before.graph.edges)
    world.client.values = whole
    world.now += 30
    world.clock.tick()
    assert world.clock.snapshot
    edges = {str(edge) for edge in world.clock.snapshot.graph.edges}
    assert "platform/accounts.latency -> shop/web.latency" in edges


def test_when_prometheus_is_gone_the_last_snapshot_stays_until_it_is_too_old() -> None:
    world = World(steps=400, settings=without_effects())
    world.now -= 100 * 30
    before = world.tick()
    world.client.failing = PrometheusError("unreachable", "http://shop.test cannot be reached")
    world.now += 30
    world.clock.tick()
    assert world.clock.snapshot is before
    assert world.clock.health.failures == 1
    assert "cannot be reached" in world.clock.health.error
    assert not world.clock.stale()
    world.now += 200
    assert world.clock.stale()
    assert "cannot be reached" in world.clock.ready()
    world.client.failing = None
    world.clock.tick()
    assert world.clock.ready() == ""
    assert world.clock.health.error == ""


def test_it_is_ready_when_the_effects_are_in(world: World) -> None:
    assert world.clock.ready() == ""
    young = World(steps=200, settings=without_effects())
    assert young.clock.ready() == "the first evaluation is under way"


def test_a_cycle_in_the_graph_is_an_error_that_names_it() -> None:
    world = World(steps=200, settings=loaded(**{"- requests -> errors": "- latency -> requests"}))
    world.clock.tick()
    assert "a cycle within one step" in world.clock.health.error


def test_the_answers_to_effect_questions_that_fail_become_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr("datasource.service.effects_worker.effects_job", fail)
    snapshot = World(steps=200).tick()
    assert any("no memory" in notice for notice in snapshot.notices)


class Hanging(Inline):
    """A worker whose first job never ends, until the worker is replaced."""

    def __init__(self) -> None:
        self.stopped = 0

    def submit(self, job: Callable[..., Any], *args: Any) -> Future[Any]:
        return super().submit(job, *args) if self.stopped else Future()

    def stop(self) -> None:
        self.stopped += 1


def test_effects_that_hang_are_given_up_and_tried_again_at_the_next_refit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(steps=400)
    world.now -= 100 * 30
    workers = Hanging()
    world.clock.evaluator.asking.workers = workers  # type: ignore[assignment]
    world.clock.tick()
    assert world.clock.snapshot
    assert "effects are being computed" in world.clock.snapshot.notices
    monkeypatch.setattr("datasource.service.effects_worker._TIMEOUT", 0.0)
    world.now += 30
    world.clock.tick()
    assert workers.stopped == 1
    given_up = world.clock.snapshot
    assert given_up.effects == ()
    assert any("given up" in notice for notice in given_up.notices)
    assert world.clock.ready() == ""
    monkeypatch.undo()
    world.now += 20 * 30
    world.clock.tick()
    again = world.clock.snapshot
    assert again.effects
    assert not any("given up" in notice for notice in again.notices)


def incident() -> World:
    """The shop, small enough to be quick, with its incident going on."""
    return World(settings=half_a_day(without_effects()))


def test_when_nothing_comes_any_more_nobody_is_said_to_be_well() -> None:
    world = incident()
    assert any(s.name == "causal_service_anomaly" and s.value == 0 for s in samples(world.tick()))
    world.client.values[:, -10:] = np.nan
    world.clock.evaluator._history._begin()
    world.clock.tick()
    assert world.clock.snapshot
    left = [s for s in samples(world.clock.snapshot) if s.name.startswith(("causal_service", "causal_expected"))]
    assert all(s.value == 1 for s in left)
    world.now += 600
    world.clock.tick()
    assert world.clock.stale()
    assert "no sample has come" in world.clock.ready()


def test_an_incident_is_not_over_because_it_cannot_be_seen() -> None:
    world = incident()
    before = {v.entity: v.root_cause for v in world.tick().judgement.verdicts}  # type: ignore[union-attr]
    assert before
    for silent, after in ((5, before), (25, {})):  # but nobody is accused for ever
        world.client.values[:, -silent:] = np.nan
        world.clock.evaluator._history._begin()
        world.clock.tick()
        assert world.clock.snapshot
        assert world.clock.snapshot.judgement
        assert {v.entity: v.root_cause for v in world.clock.snapshot.judgement.verdicts} == after


def test_a_refit_that_fails_leaves_what_was_fitted_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise GraphError("graph: a cycle within one step")

    world = World(steps=400, settings=without_effects())
    world.now -= 100 * 30
    before = world.tick()
    monkeypatch.setattr("datasource.service.evaluator.build_graph", fail)
    world.now += 50 * 30
    world.clock.tick()
    after = world.clock.snapshot
    assert after
    assert after.time > before.time
    assert after.mechanisms
    assert before.mechanisms
    assert after.mechanisms.fitted_at == before.mechanisms.fitted_at
    assert any("a new one failed" in notice for notice in after.notices)
    assert world.clock.ready() == ""


def test_effects_that_are_done_are_taken_though_prometheus_fails() -> None:
    world = World(steps=200)
    world.clock.evaluator.evaluate(world.now)
    world.client.failing = PrometheusError("unreachable", "gone")
    world.clock.tick()
    assert not world.clock.evaluator.asking.under_way


def test_effects_are_shown_before_they_are_checked() -> None:
    world = World(steps=200)
    first = world.clock.evaluator.evaluate(world.now)
    assert first.effects
    assert not any(effect.checks for effect in first.effects)
    assert "effects are being checked" in first.notices
    second = world.clock.evaluator.evaluate(world.now)
    assert second.effects
    assert any(effect.checks for effect in second.effects)
    assert "effects are being checked" not in second.notices


def test_worker_processes_do_jobs_and_end_with_the_pool() -> None:
    workers = Workers()
    try:
        assert workers.submit(sum, [1, 2, 3]).result(60) == 6
        pool = workers._pool
        assert pool
        (process,) = pool._processes.values()
        process.kill()
        with suppress(BrokenProcessPool):  # the job that was under way is lost
            workers.submit(time.sleep, 1).result(60)
        assert workers.submit(sum, [4, 5]).result(60) == 9
    finally:
        workers.stop()
    assert Inline().submit(sum, [1]).result() == 1


def test_two_days_with_a_missing_point_still_know_the_time_of_day() -> None:
    whole, short = (World(steps=steps, settings=without_effects()).tick() for steps in (5760, 5755))
    for snapshot in (whole, short):
        assert snapshot.mechanisms
        assert all(mechanism.seasonal for mechanism in snapshot.mechanisms.marginal.values())
        assert snapshot.incidents[0].causes.symptom.signal == "latency"
        assert [str(root) for root in snapshot.incidents[0].roots] == ["platform/inventory"]


def test_who_broke_is_told_by_what_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasource.anomaly.fit_one._NEARLY", 2.0)
    snapshot = World(settings=without_effects()).tick()
    assert snapshot.judgement
    own = next(v for v in snapshot.judgement.verdicts if str(v.entity) == "platform/inventory")
    assert own.causes.symptom.signal == "latency"


def test_no_step_is_left_out_while_effects_are_computed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for effects until the next point is there does not wait for another one after that."""
    clock = Clock(world.clock.evaluator, lambda: world.now)
    now, waits = [100.0], []

    def effects_go_on(timeout: float) -> bool:
        now[0] += timeout
        return False

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock._stop.set()

    monkeypatch.setattr(clock, "tick", lambda: None)
    monkeypatch.setattr("datasource.service.clock.time.monotonic", lambda: now[0])
    monkeypatch.setattr(clock.evaluator.asking, "wait", effects_go_on)
    monkeypatch.setattr(clock._stop, "wait", wait)
    clock._run()
    assert waits == [0.0]
