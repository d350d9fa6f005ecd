"""The store in SQLite: what was written is there, whatever happens to the file is told with what to change."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from datasource.settings import SettingsError, parse_settings
from datasource.settings.store import Store
from datasource.store import Database, Record, StoreError, open_database
from datasource.store.address import FILE
from datasource.store.schema import STEPS, migrate

ENDED, OPEN = Record("one", 100, 200, "{}"), Record("two", 150, None, '{"a": 1}')


def opened(directory: Path) -> Database:
    return open_database(Store(directory=directory))


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path / "new" / "directory")
    first.write([OPEN, ENDED], {"verdicts": "[]"}, keep_from=0)
    first.close()
    again = opened(tmp_path / "new" / "directory")
    assert again.records(since=0) == [ENDED, OPEN]
    assert again.records(since=300) == [OPEN]
    assert again.state("verdicts") == "[]"
    assert again.state("others") is None


def test_the_same_id_is_written_over_and_what_is_old_goes(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([ENDED, OPEN], {"verdicts": "[1]"}, keep_from=0)
    store.write([OPEN._replace(end=500)], {"verdicts": "[2]"}, keep_from=300)
    assert store.records(since=0) == [OPEN._replace(end=500)]
    assert store.state("verdicts") == "[2]"


def test_the_file_is_in_wal_mode_and_its_times_are_indexed(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        plan = str(file.execute("EXPLAIN QUERY PLAN SELECT * FROM causal_incidents WHERE ended >= 5").fetchall())
        assert "causal_incidents_ended" in plan


WRITE = """
import sys
from pathlib import Path
from datasource.settings.store import Store
from datasource.store import Record, open_database
who = sys.argv[2]
store = open_database(Store(directory=Path(sys.argv[1])))
for number in range(60):
    store.write([Record(f"{who}-{number}", number, None, "{}"), Record("shared", 1, None, who)], {"s": who}, 0)
"""


def test_two_processes_that_begin_and_write_one_file_at_once_lose_and_break_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), who], stderr=subprocess.PIPE, text=True)
        for who in ("a", "b")
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said
    assert len(opened(tmp_path).records(0)) == 121
    with sqlite3.connect(tmp_path / FILE) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def refusal(directory: Path) -> str:
    with pytest.raises(StoreError) as refused:
        opened(directory)
    return str(refused.value)


def test_a_directory_that_cannot_be_made_or_written_says_what_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in its place")
    assert "name one in store.directory" in refusal(tmp_path / "file")
    assert "name one in store.directory" in refusal(tmp_path / "file" / "below")
    (tmp_path / "taken" / FILE).mkdir(parents=True)
    said = refusal(tmp_path / "taken")
    assert "store.directory" in said
    assert str(tmp_path / "taken" / FILE) in said


def test_a_damaged_file_is_left_alone_and_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database at all, and long enough to be looked at" * 50)
    before = (tmp_path / FILE).read_bytes()
    assert "move it away" in refusal(tmp_path)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_file_that_is_held_by_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasource.store.address._LOCKED_SECONDS", 0.05)
    opened(tmp_path).close()
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "another process holds it" in refusal(tmp_path)
    holder.close()
    opened(tmp_path).close()


def test_a_full_disk_is_told_and_nothing_of_the_write_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([ENDED], {}, keep_from=0)
    with store._engine.connect() as connection:  # type: ignore[attr-defined]
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    many = [Record(f"n{number}", number, None, "x" * 1000) for number in range(500)]
    with pytest.raises(StoreError, match="free space"):
        store.write(many, {}, keep_from=0)
    assert store.records(0) == [ENDED]


def test_a_file_that_was_moved_away_while_it_was_open_is_noticed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    (tmp_path / FILE).rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="moved or deleted"):
        store.write([ENDED], {}, keep_from=0)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([ENDED], {}, keep_from=0)
    store.close()
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute(f"UPDATE causal_schema SET version = {len(STEPS) + 1}")
    assert "newer version" in refusal(tmp_path)


def test_a_store_of_an_older_version_is_brought_forward_by_steps_and_keeps_what_it_holds(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write([ENDED], {}, keep_from=0)
    later = (*STEPS, ("CREATE TABLE causal_x (n INTEGER)",), ("INSERT INTO causal_x VALUES (7)",))
    with store._engine.begin() as connection:  # type: ignore[attr-defined]
        migrate(connection, later)
        migrate(connection, later)
        assert connection.exec_driver_sql("SELECT n FROM causal_x").fetchall() == [(7,)]
        assert connection.exec_driver_sql("SELECT version FROM causal_schema").scalar() == len(later)
    assert store.records(0) == [ENDED]


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = opened(tmp_path)
    broken = (*STEPS, ("CREATE TABLE causal_x (n INTEGER)", "NO SUCH STATEMENT"))
    with pytest.raises(StoreError), store._transaction() as connection:  # type: ignore[attr-defined]
        migrate(connection, broken)
    with sqlite3.connect(tmp_path / FILE) as file:
        assert file.execute("SELECT version FROM causal_schema").fetchall() == [(len(STEPS),)]
        assert not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'causal_x'").fetchall()


def test_the_address_may_come_from_a_file_and_its_password_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/other.sqlite\n")
    open_database(Store(url_file=tmp_path / "url")).write([ENDED], {}, keep_from=0)
    assert (tmp_path / "other.sqlite").exists()
    with pytest.raises(StoreError, match="cannot be read"):
        open_database(Store(url_file=tmp_path / "missing"))
    (tmp_path / "url").write_text("mysql://me:hunter2@db/causal")
    with pytest.raises(StoreError, match=r"store\.url_file is not the address") as refused:
        open_database(Store(url_file=tmp_path / "url"))
    assert "hunter2" not in str(refused.value)
    secret = Store.model_validate({"url": "postgresql://me:hunter2@127.0.0.1:1/causal"})
    assert "hunter2" not in repr(secret)
    with pytest.raises(StoreError, match="check that the server runs") as refused:
        open_database(secret)
    assert "hunter2" not in str(refused.value)


MINIMAL = (
    "prometheus: {url: http://p:9090}\nentities: {a: {labels: [a]}}\nsignals: {x: {entity: a, query: x, window: 30s}}\n"
)


def test_the_settings_say_what_is_wrong_with_the_store() -> None:
    assert parse_settings(MINIMAL + "store: {directory: /var/lib/causal}").store.keep == 90 * 86400
    for store, said in (
        ("{url: 'mysql://me:hunter2@db/x'}", "not the address of a database"),
        ("{url: 'sqlite:///x', url_file: y}", "keep one of them"),
        ("{keep: 1m}", "store.keep"),
        ("{place: x}", "no such key"),
    ):
        with pytest.raises(SettingsError) as refused:
            parse_settings(MINIMAL + f"store: {store}")
        assert said in str(refused.value)
        assert "hunter2" not in str(refused.value)


def test_every_key_of_the_store_is_documented_with_its_default() -> None:
    reference = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    section = reference[reference.index("## store") :]
    shown = {"directory": "`causal-data`", "url": "none", "url_file": "none", "keep": "`90d`"}
    assert shown.keys() == Store.model_fields.keys()
    for name, default in shown.items():
        assert f"| `{name}` | {default} |" in section
    assert (Store().directory, Store().keep) == (Path("causal-data"), 90 * 86400)
