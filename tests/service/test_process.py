"""The process that evaluates, before its first step."""

import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from worlds import SETTINGS, World, showing

from datasource.prometheus import PrometheusError
from datasource.service import Evaluator, publication, samples
from datasource.service.health_metrics import scraped
from datasource.service.ownership import claim
from datasource.service.process import EvaluatorProcess, SettingsFile
from datasource.service.publication import Publisher, State, Subscriber
from datasource.service.replicas import Replicas
from datasource.settings import Loaded, SettingsError
from datasource.settings.store import Store


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "causal.yaml").write_text(SETTINGS.read_text())
    return tmp_path / "published"


def published(world: World, folder: Path) -> State:
    clock = world.clock
    state = State(Loaded(clock.settings, clock.evaluator.fingerprint), replace(clock.health, evaluations=7), 5.0)
    Publisher(folder).publish(clock.snapshot, state)
    return state


def test_who_takes_the_place_of_another_shows_what_that_one_did_as_old_as_it_is(world: World, folder: Path) -> None:
    state = published(world, folder)
    EvaluatorProcess(SettingsFile("causal.yaml"), folder, 1)._clock.publish()
    reader = Subscriber(state.loaded.settings, folder)
    reader.refresh()
    assert (reader.health.evaluations, reader.health.restarts, reader.succeeded) == (7, 1, 5.0)
    assert reader.health.last_success == state.health.last_success
    assert reader.snapshot is not None
    assert reader.leads


def test_it_begins_under_the_last_settings_where_the_file_cannot_be_used_any_more(world: World, folder: Path) -> None:
    published(world, folder)
    Path("causal.yaml").write_text("nonsense")
    process = EvaluatorProcess(SettingsFile("causal.yaml"), folder, 1)
    assert process._clock.settings == world.clock.settings
    assert "causal.yaml has changed and is not used" in process._clock.health.settings_error


def test_without_settings_it_does_not_begin(folder: Path) -> None:
    Path("causal.yaml").write_text("nonsense")
    with pytest.raises(SettingsError):
        EvaluatorProcess(SettingsFile("causal.yaml"), folder, 0)


def test_readers_are_told_where_there_is_no_room_for_results(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = published(world, folder)
    clock = EvaluatorProcess(SettingsFile("causal.yaml"), folder, 1)._clock

    def full(thing: object) -> list[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publication, "_packed", full)
    clock.snapshot = replace(world.clock.snapshot, time=world.clock.snapshot.time + 30)
    clock.publish()
    reader = Subscriber(state.loaded.settings, folder)
    reader.refresh()
    assert "No space left on device" in reader.health.error
    assert f"make room for three snapshots in {folder.parent}" in reader.health.error
    assert reader.snapshot is not None
    assert reader.snapshot.time == world.clock.snapshot.time


def test_what_is_pushed_is_what_a_scrape_would_bring_and_no_result_that_is_too_old(world: World) -> None:
    assert world.clock.snapshot
    clock = showing(world, world.clock.snapshot)
    fresh = {name: value for name, _, value in scraped(clock)}
    assert fresh["causal_datasource_stale"] == 0
    results = {one.name for one in samples(world.clock.snapshot)}
    assert fresh.keys() >= results
    assert {"causal_datasource_build_info", "causal_datasource_dropped_series"} <= fresh.keys()
    world.now += 3600
    try:
        old = {name: value for name, _, value in scraped(clock)}
    finally:
        world.now -= 3600
    assert old["causal_datasource_stale"] == 1
    assert not old.keys() & results


def test_a_reload_that_outlasts_the_lease_loses_it_to_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasource.service.replicas._LEAST_SECONDS", 1.0)
    text = SETTINGS.read_text().replace("step: 30s", "step: 1s").replace("30s", "1s")
    Path("causal.yaml").write_text(text)
    process = EvaluatorProcess(SettingsFile("causal.yaml"), folder, 0)
    reading, go_on = threading.Event(), threading.Event()

    def slow(_evaluator: Evaluator, _now: float) -> None:
        reading.set()
        go_on.wait(60)
        raise PrometheusError("timeout", "it did not answer")

    monkeypatch.setattr(Evaluator, "evaluate", slow)
    Path("causal.yaml").write_text(text.replace("baseline: 2d", "baseline: 1d"))
    lease, reload = (threading.Thread(target=one) for one in (process._keep_lease, process.reload))
    other = Replicas(Store(), "another/1/1", 1.0)
    try:
        lease.start()
        reload.start()
        assert reading.wait(60)
        until = time.monotonic() + 4.0  # more than twice the lease
        while time.monotonic() < until:
            other.look()
            assert not other.leads
            time.sleep(0.1)
        assert reload.is_alive()
    finally:
        go_on.set()
        reload.join(60)
        process._wanted[signal.SIGTERM] = True
        lease.join(60)
        other.close()
    assert process._replicas.leads
    assert "it did not answer" in process._clock.health.settings_error


def test_a_reload_does_not_take_the_store_of_another_installation(folder: Path) -> None:
    text = SETTINGS.read_text()
    there, other = (f"{text}\nstore: {{directory: {name}}}\n" for name in ("ours", "theirs"))
    Path("causal.yaml").write_text(other.replace("127.0.0.1:9090", "elsewhere:9090"))
    claim(SettingsFile("causal.yaml").load().settings)
    Path("causal.yaml").write_text(there)
    process = EvaluatorProcess(SettingsFile("causal.yaml"), folder, 0)
    Path("causal.yaml").write_text(other)
    process.reload()
    assert "belongs to the installation that reads http://elsewhere:9090" in process._clock.health.settings_error
    assert process._clock.settings.store.directory == Path("ours")
    process._replicas.close()
