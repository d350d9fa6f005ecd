"""One process at a time leads, by the time of the database, and nobody else writes."""

import os
import subprocess
from pathlib import Path

import pytest

from datasource.settings.store import Store
from datasource.store import Database, StoreError, from_json, open_database, to_json
from datasource.store import lease as leases
from datasource.store.lease import NAME, Holder, Lease, process_name


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "sqlite":
        return Store(directory=tmp_path)
    return Store.model_validate({"url": request.getfixturevalue("postgresql")})


@pytest.fixture
def database(store: Store) -> Database:
    opened = open_database(store)
    opened.change(NAME, lambda *_: to_json(Holder("", 0, 0.0)))
    return opened


def expire(database: Database) -> None:
    def past(payload: str | None, now: float) -> str:
        assert payload
        found = from_json(Holder, payload)
        return to_json(Holder(found.who, found.turn, now - 1))

    database.change(NAME, past)


def test_the_first_leads_until_its_lease_ends(database: Database) -> None:
    one, two = Lease("a/x/1", 60), Lease("b/x/2", 60)
    assert one.take(database)
    assert not two.take(database)
    assert (one.held, two.held, two.holder) == (True, False, "a/x/1")
    assert one.take(database)
    expire(database)
    assert two.take(database)
    assert not one.take(database)
    assert (one.held, one.holder) == (False, "b/x/2")


def test_who_lost_its_turn_writes_nothing_more(database: Database) -> None:
    one, two = Lease("a/x/1", 60), Lease("b/x/2", 60)
    one.take(database)
    database.fence = one
    database.write([], {"verdicts": "mine"}, 0)
    expire(database)
    two.take(database)
    with pytest.raises(StoreError, match="b/x/2 leads now; this process may not write"):
        database.write([], {"verdicts": "stale"}, 0)
    assert database.state("verdicts") == "mine"
    database.fence = two
    database.write([], {"verdicts": "theirs"}, 0)
    assert database.state("verdicts") == "theirs"


def test_a_lease_that_is_released_is_free_at_once(database: Database) -> None:
    one, two = Lease("a/x/1", 60), Lease("b/x/2", 60)
    one.take(database)
    one.release(database)
    assert not one.held
    assert two.take(database)
    one.release(database)
    assert two.take(database)


def test_a_new_turn_of_the_same_process_is_another_one(database: Database) -> None:
    before, after = Lease("a/x/1", 60), Lease("a/x/1", 60)
    assert before.take(database)
    assert after.take(database)
    database.fence = before
    with pytest.raises(StoreError, match="may not write"):
        database.write([], {"verdicts": "of the process that was replaced"}, 0)


@pytest.mark.parametrize("asked_for", [True, False], ids=["asked for", "still a zombie"])
def test_the_lease_of_a_process_that_is_gone_from_this_machine_is_free(database: Database, asked_for: bool) -> None:
    child = subprocess.Popen(["sleep", "100"])
    theirs, mine = Lease(process_name(child.pid), 60), Lease(process_name(os.getpid()), 60)
    assert theirs.take(database)
    assert not mine.take(database)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | (0 if asked_for else os.WNOWAIT))
    assert mine.take(database)


def test_nothing_is_known_of_processes_elsewhere(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine = Lease(process_name(2**22 + 1), 60), Lease("b/x/2", 60)
    assert theirs.take(database)
    monkeypatch.setattr(leases, "_host", lambda: "another machine")
    assert not mine.take(database)


def test_a_lease_is_not_held_after_its_seconds(database: Database) -> None:
    lease = Lease("a/x/1", -1)
    assert lease.take(database)
    assert not lease.held


def test_a_damaged_lease_is_free(database: Database) -> None:
    database.change(NAME, lambda *_: "nonsense")
    assert Lease("a/x/1", 60).take(database)


def test_the_same_turn_of_somebody_else_is_not_ours(database: Database) -> None:
    mine = Lease("a/x/1", 60)
    mine.take(database)
    database.fence = mine
    database.write([], {"verdicts": "mine"}, 0)
    database.change(NAME, lambda _, now: to_json(Holder("b/x/2", 1, now + 60)))
    with pytest.raises(StoreError, match="b/x/2 leads now"):
        database.write([], {"verdicts": "in another store"}, 0)
