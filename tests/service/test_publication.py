"""What one process publishes, others see: whole, as it was, and without copies of its arrays."""

import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from worlds import World

from datasource.service import publication
from datasource.service.evaluator import Marking
from datasource.service.publication import STATE, Publisher, State, Subscriber, new_folder
from datasource.service.served import Health
from datasource.settings import Loaded


@pytest.fixture
def folder() -> Iterator[Path]:
    made = new_folder()
    yield made
    for file in sorted(made.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    made.rmdir()


@pytest.fixture
def state(world: World) -> State:
    clock = world.clock
    return State(Loaded(clock.settings, clock.evaluator.fingerprint), clock.health, clock.succeeded)


def test_a_reader_sees_what_was_published(world: World, folder: Path, state: State) -> None:
    snapshot = world.clock.snapshot
    assert snapshot is not None
    reader = Subscriber(state.loaded.settings.model_copy(update={"step": 1}), folder)
    reader.refresh()
    assert (reader.snapshot, reader.ready()) == (None, "the first evaluation is under way")
    Publisher(folder).publish(snapshot, state)
    reader.refresh()
    seen = reader.snapshot
    assert seen is not None
    assert (seen.key, seen.notices, seen.incidents) == (snapshot.key, snapshot.notices, snapshot.incidents)
    assert (reader.settings, reader.health) == (state.loaded.settings, state.health)
    np.testing.assert_array_equal(seen.matrix.values, snapshot.matrix.values)
    assert not seen.matrix.values.flags.owndata
    assert seen.judgement is not None
    assert snapshot.judgement is not None
    assert seen.judgement.verdicts == snapshot.judgement.verdicts


def test_what_is_not_new_is_not_read_again(world: World, folder: Path, state: State) -> None:
    publisher, reader = Publisher(folder), Subscriber(state.loaded.settings, folder)
    publisher.publish(world.clock.snapshot, state)
    reader.refresh()
    before = reader.snapshot
    publisher.publish(world.clock.snapshot, state._replace(succeeded=7.0))
    reader.refresh()
    assert reader.snapshot is before
    assert reader.succeeded == 7.0


def test_a_damaged_snapshot_leaves_the_last_one(world: World, folder: Path, state: State) -> None:
    publisher, reader = Publisher(folder), Subscriber(state.loaded.settings, folder)
    publisher.publish(world.clock.snapshot, state)
    reader.refresh()
    before = reader.snapshot
    (folder / "snapshot").write_bytes(b"\x07" * 100)
    reader.refresh()
    assert reader.snapshot is before
    assert publisher.last() is None


def test_marks_come_in_order_and_stay_until_they_are_done(folder: Path, state: State) -> None:
    reader, publisher = Subscriber(state.loaded.settings, folder), Publisher(folder)
    reader.mark("accepted", "one", by="me")
    reader.mark("merged", "two", into="one")
    wanted = [Marking("accepted", "one", "me"), Marking("merged", "two", into="one")]
    for _ in range(2):
        assert list(publisher.marks().values()) == wanted
    for file in publisher.marks():
        file.unlink()
    assert publisher.marks() == {}


def test_only_this_user_may_look(folder: Path) -> None:
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_whose_maker_was_killed_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "Path", lambda *parts: tmp_path if parts == ("/dev/shm",) else Path(*parts))
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, os.fsencode(new_folder()))
        os._exit(0)
    os.waitpid(child, 0)
    left = Path(os.fsdecode(os.read(read, 4096)))
    assert (left / "marks").is_dir()
    mine, other = new_folder(), new_folder()
    assert not left.exists()
    assert mine.exists()
    assert other.exists()


def test_health_is_told_without_a_snapshot(folder: Path, state: State) -> None:
    Publisher(folder).publish(None, state)
    assert pickle.loads((folder / STATE).read_bytes()) == state
    assert not (folder / "snapshot").exists()


def test_a_reader_hears_of_errors_before_there_is_a_snapshot(folder: Path, state: State) -> None:
    reader = Subscriber(state.loaded.settings, folder)
    told = Health(failures=3, error="Prometheus does not answer", settings_error="not used")
    Publisher(folder).publish(None, state._replace(health=told))
    reader.refresh()
    assert reader.health == told
    assert reader.ready() == "Prometheus does not answer"


def test_a_folder_that_was_deleted_is_made_anew(world: World, folder: Path, state: State) -> None:
    publisher, reader = Publisher(folder), Subscriber(state.loaded.settings, folder)
    publisher.publish(world.clock.snapshot, state)
    shutil.rmtree(folder)
    publisher.publish(world.clock.snapshot, state)
    reader.refresh()
    assert reader.snapshot is not None
    assert folder.stat().st_mode & 0o077 == 0
    reader.mark("accepted", "one")
    assert len(publisher.marks()) == 1
