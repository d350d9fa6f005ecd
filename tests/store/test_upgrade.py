"""A store that an earlier version wrote: version_1.sql is what the version before the log of interventions left."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from datasource.incidents.log import IncidentLog
from datasource.settings import parse_settings
from datasource.settings.store import Store
from datasource.store import StoreError, open_database
from datasource.store.address import FILE
from datasource.store.backup import backup_file
from datasource.store.schema import STEPS

EARLIER = Path(__file__).with_name("version_1.sql").read_text()
SETTINGS = parse_settings(
    "prometheus: {url: 'http://prometheus:9090'}\nentities: {service: {labels: [namespace, service]}}\n"
    "signals: {latency: {entity: service, query: latency, window: 30s}}\n"
)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.executescript(EARLIER)
    return tmp_path / FILE


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        found: int = database.execute("SELECT version FROM causal_schema").fetchone()[0]
        return found


def test_the_service_goes_on_with_the_incidents_of_before_and_a_backup_of_the_file_is_there(earlier: Path) -> None:
    log = IncidentLog(SETTINGS, Store(directory=earlier.parent))
    log.recall(1_700_172_780)
    assert not log.notices
    (incident,) = log.shown()
    assert incident.open
    assert str(incident.roots[0]) == "platform/inventory"
    log.close()
    assert version(earlier) == len(STEPS)
    backup = backup_file(earlier, 1)
    assert version(backup) == 1
    with closing(sqlite3.connect(backup)) as file:
        assert "\n".join(file.iterdump()) + "\n" == EARLIER


def test_a_backup_is_made_once_and_none_of_a_store_of_this_version(earlier: Path) -> None:
    open_database(Store(directory=earlier.parent)).close()
    made = backup_file(earlier, 1).stat().st_mtime_ns
    open_database(Store(directory=earlier.parent)).close()
    assert backup_file(earlier, 1).stat().st_mtime_ns == made
    assert not backup_file(earlier, len(STEPS)).exists()


def test_without_room_for_a_backup_nothing_is_changed(earlier: Path) -> None:
    (earlier.with_name(f".{backup_file(earlier, 1).name}")).mkdir()
    with pytest.raises(StoreError, match="cannot be backed up before it is changed"):
        open_database(Store(directory=earlier.parent))
    assert version(earlier) == 1


def test_in_postgresql_the_tables_of_before_stay_beside_the_new_ones(postgresql: str) -> None:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS causal_schema, causal_incidents, causal_states, causal_interventions")
        connection.execute(EARLIER.replace("BEGIN TRANSACTION;", "").replace("COMMIT;", ""))
    open_database(Store.model_validate({"url": postgresql})).close()
    with psycopg.connect(postgresql, autocommit=True) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            for name in ("causal_incidents_version_1", "causal_incidents")
        ]
        connection.execute("DROP TABLE causal_incidents_version_1, causal_states_version_1")
    assert counts == [(1,), (1,)]
