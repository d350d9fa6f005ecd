"""The audit log of interventions in SQLite and PostgreSQL: whole and in order, whoever writes at once, whoever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from datasource.interventions import InterventionError, InterventionLog, KeyTakenError, UnknownInterventionError
from datasource.settings.store import Store
from datasource.store.address import FILE
from datasource.store.schema import STEPS

DEPLOY = {"kind": "deploy", "targets": ["shop/web"], "start": "2026-11-28T10:00:00Z", "why": "faster"}
TABLES = "causal_schema, causal_incidents, causal_states, causal_interventions"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store."""
    if request.param == "sqlite":
        return Store(directory=tmp_path)
    url = request.getfixturevalue("postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLES}")
    return Store.model_validate({"url": url})


def test_what_was_recorded_is_there_after_a_restart_with_its_corrections(store: Store) -> None:
    log = InterventionLog(store, now=lambda: 1_800_000_000.5)
    first = log.record(DEPLOY, "ci")
    assert (first.intervention.id, first.intervention.start, first.new) == (1, 1_795_860_000, True)
    log.record({"kind": "restart", "targets": ["shop/db"]}, "ann")
    log.correct(1, {"end": "2026-11-28T11:00:00+01:00", "rolled_back": True, "start": 1_795_850_000}, "ann")
    log.close()
    again = InterventionLog(store)
    restart, deploy = again.all()
    assert (restart.start, restart.end) == (1_800_000_000, None), "what does not say when, begins when it is written"
    assert (deploy.start, deploy.end, deploy.rolled_back, deploy.why) == (1_795_850_000, 1_795_860_000, True, "faster")
    assert deploy.entries == (1, 3)
    assert [entry.who for entry in again.entries(1)] == ["ci", "ann"]
    assert again.verify().entries == 3


def test_the_same_under_the_same_key_is_written_once_and_another_thing_is_refused(store: Store) -> None:
    log = InterventionLog(store)
    first = log.record(DEPLOY, "ci", key="build-7")
    again = log.record(DEPLOY, "ci", key="build-7")
    assert (again.new, again.entry) == (False, first.entry)
    log.correct(1, {"end": 1_795_900_000}, "ci", key="build-7-end")
    assert not log.correct(1, {"end": 1_795_900_000}, "ci", key="build-7-end").new
    for said, about in (({**DEPLOY, "why": "other"}, 0), ({"end": 1_795_900_001}, 1)):
        with pytest.raises(KeyTakenError, match="choose another key"):
            _ = log.correct(about, said, "ci", "build-7-end") if about else log.record(said, "ci", "build-7")
    assert len(log.entries()) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"targets": ["a"]}, "'kind' is missing"),
        ({"kind": "deploy"}, "'targets' is missing"),
        ({"kind": "Deploy it", "targets": ["a"]}, "small letters"),
        ({"kind": "deploy", "targets": []}, "'targets'"),
        ({"kind": "deploy", "targets": ["a"], "start": "yesterday"}, "2026-11-28T10:00:00Z"),
        ({"kind": "deploy", "targets": ["a"], "start": 100, "end": 100}, "not after the start"),
        ({"kind": "deploy", "targets": ["a"], "until": 5}, "there is no 'until'"),
        ({"kind": "deploy", "targets": ["a"], "why": None}, "'why' is null"),
        ({"kind": "deploy", "targets": ["a"], "parameters": {"x": [1]}}, "neither a text"),
        ({"kind": "deploy", "targets": ["a"], "on": [[5, 9], [8, 12]]}, "overlap"),
        ({"kind": "deploy", "targets": ["a"], "on": [[9, 5]]}, "ends before it begins"),
        ({"kind": "deploy", "targets": ["a" * 300]}, "200"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_one_sentence_and_not_written(
    tmp_path: Path, said: dict[str, object], told: str
) -> None:
    log = InterventionLog(Store(directory=tmp_path))
    with pytest.raises(InterventionError) as refused:
        log.record(said, "ci")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert log.entries() == ()


def test_an_end_that_was_wrong_can_be_taken_back_and_an_unknown_intervention_is_told(tmp_path: Path) -> None:
    log = InterventionLog(Store(directory=tmp_path))
    log.record({**DEPLOY, "end": 1_795_900_000}, "ci")
    assert log.correct(1, {"end": None}, "ci").intervention.end is None
    with pytest.raises(UnknownInterventionError, match="the newest are: 1"):
        log.correct(2, {"end": None}, "ci")
    with pytest.raises(InterventionError, match="nothing is said"):
        log.correct(1, {}, "ci")


def test_an_end_is_checked_against_what_another_replica_has_written_meanwhile(store: Store) -> None:
    ours, theirs = InterventionLog(store), InterventionLog(store)
    ours.record(DEPLOY, "ci")
    assert theirs.one(1).end is None
    ours.correct(1, {"start": 1_795_900_000}, "ci")
    with pytest.raises(InterventionError, match="not after the start"):
        theirs.correct(1, {"end": 1_795_890_000}, "ann")
    assert theirs.all() == ours.all()


def test_threads_of_two_replicas_write_one_whole_chain(store: Store) -> None:
    logs = [InterventionLog(store) for _ in range(2)]

    def write(number: int) -> int:
        return logs[number % 2].record({**DEPLOY, "why": str(number)}, f"t{number}", key=str(number // 2)).entry.number

    def tried(number: int) -> int | None:
        try:
            return write(number)
        except KeyTakenError:
            return None

    with ThreadPoolExecutor(8) as pool:
        numbers = [number for number in pool.map(tried, range(200)) if number is not None]
    assert sorted(numbers) == list(range(1, 101)), "of two who use one key, one is refused"
    assert logs[0].all() == logs[1].all()
    assert logs[0].verify().entries == 100


WRITE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from datasource.interventions import InterventionLog
from datasource.settings.store import Store
store, who, count = Store.model_validate_json(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = [InterventionLog(store) for _ in range(2)]
def write(number):
    key = f"{who}-{number}"
    log[number % 2].record({"kind": "deploy", "targets": [who], "why": key}, who, key=key)
    os.write(1, f"{key}\\n".encode())
with ThreadPoolExecutor(2) as pool:
    list(pool.map(write, range(count)))
"""


def writers(store: Store, count: int) -> list[subprocess.Popen[str]]:
    url = store.url.get_secret_value() if store.url else None
    plain = Store.model_validate({"url": url} if url else {"directory": str(store.directory)})
    argument = plain.model_dump_json(include={"directory"}) if not url else f'{{"url": "{url}"}}'
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, argument, who, str(count)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for who in ("a", "b", "c", "d")
    ]


def test_a_kill_amid_a_thousand_writes_of_four_processes_loses_nothing_acknowledged(store: Store) -> None:
    running = writers(store, 250)
    acknowledged = []
    for process in running:
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(60)]
    for process in running:
        os.kill(process.pid, signal.SIGKILL)
    for process in running:
        rest, _ = process.communicate(timeout=60)
        acknowledged += rest.split()
    log = InterventionLog(store)
    there = {entry.key for entry in log.entries()}
    assert 240 <= len(acknowledged) <= len(there) < 1000, "they were killed amid their writes"
    assert there >= set(acknowledged)
    assert log.verify() == (len(there), log.verify().head, "")
    for process in writers(store, 250):
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert log.verify() == (1000, log.verify().head, "")
    assert len(log.all()) == 1000, "whoever tries again under the same keys writes nothing twice"
    assert [entry.number for entry in log.entries()] == list(range(1, 1001))


def tampered(tmp_path: Path, statement: str) -> InterventionLog:
    log = InterventionLog(Store(directory=tmp_path))
    for number in range(5):
        log.record({**DEPLOY, "why": f"number {number}"}, "ci")
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute(statement)
    return InterventionLog(Store(directory=tmp_path))


@pytest.mark.parametrize(
    ("statement", "holds", "told"),
    [
        ("UPDATE causal_interventions SET payload = replace(payload, 'number 2', 'number 9')", 2, "3 was changed"),
        ("DELETE FROM causal_interventions WHERE number = 2", 1, "2 is missing"),
        ("UPDATE causal_interventions SET key = 'other' WHERE number = 4", 3, "key was changed"),
        ("UPDATE causal_interventions SET payload = 'x' WHERE number = 1", 0, "1 was changed"),
    ],
)
def test_whatever_is_changed_behind_its_back_is_told(tmp_path: Path, statement: str, holds: int, told: str) -> None:
    found = tampered(tmp_path, statement).verify()
    assert found.entries == holds
    assert told in found.broken


def test_an_entry_that_was_written_anew_with_its_digest_breaks_the_next_one(tmp_path: Path) -> None:
    log = tampered(tmp_path, "SELECT 1")
    row = log.entries()[1]
    forged = type(row)(**{**vars(row), "who": "nobody"}).logged()
    with sqlite3.connect(tmp_path / FILE) as file:
        place = "UPDATE causal_interventions SET payload = ?, digest = ? WHERE number = 2"
        file.execute(place, (forged.payload, forged.digest))
    assert "entry 3 does not follow entry 2" in log.verify().broken


def test_entries_cut_off_the_end_are_told_to_whoever_noted_the_head(tmp_path: Path) -> None:
    whole = tampered(tmp_path, "SELECT 1").verify()
    cut = tampered(tmp_path / "cut", "DELETE FROM causal_interventions WHERE number = 5")
    assert cut.verify().broken == ""
    assert "cut or written anew" in cut.verify(known=whole.head).broken


def test_a_broken_entry_hides_no_other_and_the_log_goes_on(tmp_path: Path) -> None:
    log = tampered(tmp_path, "UPDATE causal_interventions SET payload = '[]' WHERE number = 3")
    assert [one.id for one in log.all()] == [5, 4, 2, 1]
    assert log.record(DEPLOY, "ci").entry.number == 6


def test_a_store_from_before_the_log_gains_it(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("CREATE TABLE causal_schema (version INTEGER NOT NULL)")
        file.execute("INSERT INTO causal_schema VALUES (1)")
        for statement in STEPS[0]:
            file.execute(statement)
    assert InterventionLog(Store(directory=tmp_path)).record(DEPLOY, "ci").new
