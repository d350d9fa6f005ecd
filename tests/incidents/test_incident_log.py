"""The log of incidents: survives a restart, and goes on without its store."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from judging import PATIENCE, STEP, Story, scores, service
from sqlalchemy import Engine, event
from worlds import SETTINGS, World, half_a_day

from datasource.data import Variable
from datasource.demo.child import wait_until
from datasource.incidents import Incident
from datasource.incidents.log import IncidentLog
from datasource.settings import Loaded, Settings, parse_settings
from datasource.settings.store import Store
from datasource.store.address import FILE

BASELINE = 100 * STEP
SHOP = SETTINGS.read_text()
WITHOUT_EFFECTS = Loaded(parse_settings(SHOP[: SHOP.index("\neffects:")]), "test")


def settings() -> Settings:
    return WITHOUT_EFFECTS.settings.model_copy(update={"baseline": float(BASELINE)})


def log_in(directory: Path | None) -> IncidentLog:
    return IncidentLog(settings(), Store(directory=directory) if directory else None)


def follow(log: IncidentLog, story: Story, start: int, until: int) -> tuple[Incident, ...]:
    """What is shown after one evaluation a step."""
    for at in range(start, until):
        log.recall(story.time(at))
        log.update(story.judged(at), story.near, story.time(at))
    return log.shown()


def stored(directory: Path) -> dict[str, int | None]:
    """The ends of the incidents in the file, by id."""
    with sqlite3.connect(directory / FILE) as file:
        return dict(file.execute("SELECT id, ended FROM causal_incidents").fetchall())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is tried again at every evaluation."""
    monkeypatch.setattr("datasource.incidents.log._RETRY", 0.0)


def spreading() -> Story:
    """The database is slow, then who calls it."""
    return Story({"db": scores(90, (10, 40)), "web": scores(90, (25, 40))}, [("web", "db")], {"db": "db", "web": "db"})


def test_a_restart_in_the_middle_of_an_incident_goes_on_with_it(tmp_path: Path) -> None:
    story, uninterrupted = spreading(), log_in(None)
    follow(uninterrupted, story, 0, 90)
    before = log_in(tmp_path)
    follow(before, story, 0, 20)
    after = log_in(tmp_path)
    after.recall(story.time(20))
    assert [(verdict.entity, verdict.root_cause) for verdict in after.verdicts] == [(service("db"), service("db"))]
    assert follow(after, story, 20, 90) == uninterrupted.shown()
    again = log_in(tmp_path)
    again.recall(story.time(90))
    assert [replace(one, updated=0) for one in again.shown()] == [replace(one, updated=0) for one in after.shown()]


def test_what_recurs_is_remembered_over_a_restart(tmp_path: Path) -> None:
    before, latency = log_in(tmp_path), Variable(service("db"), "latency")
    before.recall(0)
    for day in range(20000, 20003):
        before.recurrences.heard(latency, np.array([day * 86400]), {"causal": np.array([8.0])})
    before.update(spreading().judged(0), {}, 20003 * 86400)
    before.close()
    after = log_in(tmp_path)
    after.recall(20003 * 86400)
    assert after.recurrences == before.recurrences
    assert after.recurrences.heard(latency, np.array([20003 * 86400]), {"causal": np.array([8.0])})["causal"] == 0


def test_what_is_quiet_or_was_written_already_is_not_written_again(tmp_path: Path) -> None:
    story, log, statements = spreading(), log_in(tmp_path), []
    follow(log, story, 0, 43)

    def count(*told: object) -> None:
        statements.append(told[2])

    event.listen(Engine, "before_cursor_execute", count)
    try:
        follow(log, story, 43, 39 + PATIENCE)
        assert statements == []
        follow(log, story, 39 + PATIENCE, 90)
        assert sum("INSERT INTO causal_incidents" in str(one) for one in statements) == 1, "the end"
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def test_five_hundred_incidents_at_once_are_one_transaction_of_a_few_statements(tmp_path: Path) -> None:
    story = Story({f"s{number}": scores(8, (0, 8)) for number in range(500)})
    log, statements = log_in(tmp_path), []
    follow(log, story, 5, 6)
    story.gaps = {name: [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0] for name in story.scores}

    def count(*told: object) -> None:
        statements.append(told[2])

    event.listen(Engine, "before_cursor_execute", count)
    try:
        follow(log, story, 6, 7)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(stored(tmp_path)) == 500
    assert len(statements) <= 4, statements


def test_a_directory_that_cannot_be_written_is_told_and_everything_is_written_once_it_can(
    tmp_path: Path, impatient: None
) -> None:
    story, place = spreading(), tmp_path / "data"
    place.write_text("a file in its place")
    log = log_in(place)
    (one,) = follow(log, story, 0, 70)
    assert one.end == story.time(39)
    (notice,) = log.notices
    assert "kept in memory only" in notice
    assert "store.directory" in notice
    place.unlink()
    follow(log, story, 70, 71)
    assert log.notices == ()
    assert stored(place) == {one.id: one.end}


def test_a_store_that_is_lost_on_the_way_misses_nothing_in_the_end(tmp_path: Path, impatient: None) -> None:
    story, log = Story({"mail": scores(90, (2, 6)), "db": scores(90, (28, 90))}, roots={"db": "db"}), log_in(tmp_path)
    ended, _ = sorted(follow(log, story, 0, 32), key=lambda one: one.start)
    assert stored(tmp_path)[ended.id] == story.time(5)
    for file in tmp_path.iterdir():
        file.unlink()
    (tmp_path / FILE).write_bytes(b"no database, and long enough to be looked at as if it were one" * 50)
    follow(log, story, 32, 70)
    assert any("move it away" in notice for notice in log.notices)
    (tmp_path / FILE).unlink()
    shown = follow(log, story, 70, 72)
    assert log.notices == ()
    assert stored(tmp_path) == {one.id: one.end for one in shown}
    assert len(shown) == 2
    after = log_in(tmp_path)
    after.recall(story.time(72))
    assert [verdict.root_cause for verdict in after.verdicts] == [service("db")]


def test_without_its_store_it_does_not_try_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fail(_: Store) -> None:
        tried.append(1)
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr("datasource.incidents.log.open_database", fail)
    log = log_in(tmp_path)
    assert follow(log, spreading(), 0, 50)
    assert len(tried) == 1
    assert "something nobody thought of" in log.notices[0]


def test_a_newer_schema_is_left_alone_and_told(tmp_path: Path) -> None:
    story, first = spreading(), log_in(tmp_path)
    follow(first, story, 0, 20)
    first.close()
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("UPDATE causal_schema SET version = 99")
    log = log_in(tmp_path)
    assert follow(log, story, 20, 30)
    assert "newer version" in log.notices[0]


def test_records_that_cannot_be_read_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    story, first = spreading(), log_in(tmp_path)
    follow(first, story, 0, 90)
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("UPDATE causal_incidents SET payload = '{}'")
    log = log_in(tmp_path)
    assert follow(log, story, 89, 90) == ()
    assert "1 incidents in the store were written by another version" in log.notices[0]
    assert len(stored(tmp_path)) == 1


def test_an_incident_is_forgotten_after_the_baseline_and_deleted_after_the_time_to_keep(tmp_path: Path) -> None:
    story = Story({"web": scores(400, (10, 20), (200, 210), (380, 390))})
    log = IncidentLog(settings(), Store(directory=tmp_path, keep=250.0 * STEP))
    assert len(follow(log, story, 0, 100)) == 1
    shown = follow(log, story, 100, 400)
    assert [one.start for one in shown] == [story.time(380)]
    assert len(stored(tmp_path)) == 2, "the first one is older than 'keep'"


def test_those_that_go_on_and_the_newest_are_shown_first_and_at_most_two_hundred() -> None:
    ended = {f"s{number:03}": scores(60, (number // 10, number // 10 + 4)) for number in range(300)}
    story = Story({"long": scores(60, (0, 60)), **ended})
    shown = follow(log_in(None), story, 0, 60)
    assert len(shown) == 200
    assert [one.start for one in shown] == sorted((one.start for one in shown), reverse=True)
    assert shown[-1].affected == (service("long"),)
    assert shown[-1].open


def test_advice_is_asked_for_when_there_is_something_new_to_say() -> None:
    story, log, asked = spreading(), log_in(None), []

    def advise(incident: Incident) -> Incident:
        asked.append(at)
        return replace(incident, summary=f"said at {at}")

    for at in range(90):
        log.update(story.judged(at), story.near, story.time(at), advise=advise, model="one" if at < 35 else "two")
    assert asked == [12, 27, 35, 42, 40 + PATIENCE], "begun, spread, another model, nothing anomalous, ended"
    assert log.shown()[0].summary == f"said at {asked[-1]}"


def test_the_clock_keeps_an_incident_over_a_restart_and_shows_it(tmp_path: Path) -> None:
    ids = []
    for behind in (10, 0):
        world = World(settings=half_a_day(WITHOUT_EFFECTS))
        world.now -= behind * STEP
        world.clock.evaluator.incidents.store = Store(directory=tmp_path)
        world.clock.tick()
        assert world.clock.snapshot, world.clock.health.error
        (incident,) = world.clock.snapshot.incidents
        ids.append(incident.id)
        world.clock.stop()
    assert ids[0] == ids[1]
    assert incident.updated > incident.start + 10 * STEP
    assert incident.summary
    assert list(stored(tmp_path)) == ids[:1]


def test_only_a_clock_that_was_started_touches_the_store(tmp_path: Path) -> None:
    store = Store(directory=tmp_path)
    kept = WITHOUT_EFFECTS._replace(settings=WITHOUT_EFFECTS.settings.model_copy(update={"store": store}))
    world = World(steps=40, settings=kept)
    world.clock.tick()
    assert not list(tmp_path.iterdir())
    world.clock.start()
    assert wait_until((tmp_path / FILE).exists, timeout=10)
    world.clock.stop()
