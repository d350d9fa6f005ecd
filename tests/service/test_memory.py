"""What was fitted outlives the process, and nothing else comes back with it."""

import base64
import os
import pickle
import zlib
from pathlib import Path

import pytest
from worlds import Inline, World

from datasource.causes import Verdict
from datasource.prometheus import Reader
from datasource.service import Clock, Evaluator, Snapshot, memory, packing
from datasource.service.memory import keep, memory_of, recall
from datasource.settings import Loaded
from datasource.settings.store import Store
from datasource.store import open_database


def kept(world: World, directory: Path) -> Store:
    store = Store(directory=directory)
    assert world.clock.snapshot is not None
    found = memory_of(world.clock.snapshot)
    assert found is not None
    keep(store, found)
    return store


def overwrite(store: Store, thing: object) -> None:
    database = open_database(store)
    text = base64.b64encode(zlib.compress(pickle.dumps(thing))).decode()
    database.write([], {"fitted": text}, 0)
    database.close()


def test_the_next_evaluator_goes_on_without_a_fit(world: World, tmp_path: Path) -> None:
    fingerprint = world.clock.evaluator.fingerprint
    found = recall(kept(world, tmp_path), fingerprint)
    assert found is not None
    reader = Reader(world.clock.settings)
    reader.client = world.client  # type: ignore[assignment]
    evaluator = Evaluator(Loaded(world.clock.settings, fingerprint), reader, Unused())  # type: ignore[arg-type]
    evaluator.resume(found)
    clock = Clock(evaluator, lambda: world.now)
    clock.tick()
    assert clock.health.error == ""
    before, after = world.clock.snapshot, clock.snapshot
    assert before is not None
    assert after is not None
    assert after.graph == before.graph
    assert [str(one) for one in after.effects or ()] == [str(one) for one in before.effects or ()]
    assert [one.entity for one in told(after)] == [one.entity for one in told(before)] != []


def told(snapshot: Snapshot) -> tuple[Verdict, ...]:
    return snapshot.judgement.verdicts if snapshot.judgement else ()


class Unused(Inline):
    """Workers that nobody may ask."""

    def submit(self, job: object, *_: object) -> object:  # type: ignore[override]
        raise AssertionError(f"{job} was asked")


def test_what_was_fitted_under_other_settings_or_by_other_code_is_not_used(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept(world, tmp_path)
    assert recall(store, "another") is None
    monkeypatch.setattr(packing, "code_fingerprint", lambda: "another")
    assert recall(store, world.clock.evaluator.fingerprint) is None


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    assert recall(Store(directory=tmp_path), "any") is None


class Opens:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("thing", [Opens(), ("code", memory.keep), ("code", os.getcwd)])
def test_a_store_that_somebody_wrote_to_runs_nothing(
    thing: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store(directory=tmp_path)
    overwrite(store, thing)
    assert recall(store, "any") is None
    assert not (tmp_path / "opened").exists()
    assert "has no place in it" in caplog.text


def test_what_is_damaged_is_fitted_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(directory=tmp_path)
    database = open_database(store)
    database.write([], {"fitted": "bm9uc2Vuc2U="}, 0)
    database.close()
    assert recall(store, "any") is None
    assert "fitted anew" in caplog.text
