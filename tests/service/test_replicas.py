"""Of those that use one store one leads and shows; the others show the same, and lose nothing that was said to them."""

from pathlib import Path

import pytest
from worlds import World

from datasource.service.evaluator import Marking
from datasource.service.packing import PackingError, unpacked
from datasource.service.replicas import Replicas
from datasource.service.served import Health
from datasource.settings.store import Store
from datasource.store import StoreError, open_database

MARK = Marking("accepted", "one", "me")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(directory=tmp_path)


@pytest.fixture
def both(store: Store) -> tuple[Replicas, Replicas]:
    leader, other = (Replicas(store, who, 30) for who in ("a/x/1", "b/x/2"))
    leader.look()
    other.look()
    return leader, other


def test_who_waits_sees_what_the_leader_shows_once(world: World, both: tuple[Replicas, Replicas]) -> None:
    leader, other = both
    snapshot, settings = world.clock.snapshot, world.clock.settings
    assert snapshot is not None
    assert (leader.leads, other.leads, other.leader) == (True, False, "a/x/1")
    assert other.shared(settings, "print") is None
    leader.share(snapshot, "print", Health(evaluations=7))
    found = other.shared(settings, "print")
    assert found is not None
    assert (found.snapshot.key, found.snapshot.settings, found.health) == (snapshot.key, settings, Health(7))
    assert other.shared(settings, "print") is None


def test_settings_do_not_travel_through_the_store(world: World, both: tuple[Replicas, Replicas], store: Store) -> None:
    assert world.clock.snapshot is not None
    both[0].share(world.clock.snapshot, "print", Health())
    database = open_database(store)
    shared = unpacked(database.state("published") or "")
    database.close()
    assert shared.snapshot.settings is None


def test_that_settings_differ_is_told_as_long_as_they_do(world: World, both: tuple[Replicas, Replicas]) -> None:
    leader, other = both
    assert world.clock.snapshot is not None
    leader.share(world.clock.snapshot, "print", Health())
    for _ in range(2):
        with pytest.raises(PackingError, match="a/x/1 leads with other settings"):
            other.shared(world.clock.settings, "another")


def test_a_mark_reaches_the_leader_and_stays_until_it_is_done(both: tuple[Replicas, Replicas]) -> None:
    leader, other = both
    other.forward(MARK)
    waiting = leader.forwarded()
    assert [one.marking for one in waiting] == [MARK]
    other.forward(MARK._replace(incident="two"))
    leader.done(waiting)
    assert [one.marking.incident for one in leader.forwarded()] == ["two"]


def test_what_another_version_left_in_the_store_stops_nobody(both: tuple[Replicas, Replicas], store: Store) -> None:
    database = open_database(store)
    database.write([], {"marks": '[{"id": "1", "mark": {}}]', "waiting": '{"who": 1}'}, 0)
    database.close()
    assert both[0].forwarded() == ()
    both[0].look()
    assert both[0].leads


def test_who_led_goes_on_while_the_store_is_away(
    both: tuple[Replicas, Replicas], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr("datasource.service.replicas.open_database", away)
    for one in both:
        one.close()
        one._next_look = 0.0
        one.look()
    monkeypatch.setattr(both[0].lease, "_renewed", 0.0)
    assert [one.leads for one in both] == [True, False]


def test_nobody_takes_over_from_one_that_nobody_waits_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Replicas(store, "a/x/1", 30)
    alone.look()
    assert alone.leads_until == float("inf")


def test_what_was_released_is_led_by_the_next_one(both: tuple[Replicas, Replicas]) -> None:
    leader, other = both
    leader.release()
    other._next_look = 0.0
    other.look()
    assert (leader.leads, other.leads) == (False, True)


def looked(*replicas: Replicas) -> list[bool]:
    """Who leads after each of them has looked."""
    for one in replicas:
        one._next_look = 0.0
        one.look()
    return [one.leads for one in replicas]


def test_who_cannot_show_anything_leaves_the_lead_to_one_that_waits(both: tuple[Replicas, Replicas]) -> None:
    both[0].able = False
    assert looked(*both) == [False, True]
    assert looked(*both) == [False, True]
    both[0].able = True
    assert looked(*both) == [False, True]
    both[1].release()
    assert looked(*both) == [True, False]


def test_who_cannot_show_anything_leads_as_long_as_nobody_waits(store: Store) -> None:
    alone = Replicas(store, "a/x/1", 30)
    alone.able = False
    assert looked(alone) == [True]
