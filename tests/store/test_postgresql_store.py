"""The store in PostgreSQL: the same answers as SQLite's, from a database that several replicas share."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from datasource.settings.store import Store
from datasource.store import Database, Record, StoreError, open_database
from datasource.store.schema import STEPS

ENDED, OPEN = Record("one", 100, 200, "{}"), Record("two", 150, None, '{"a": "ü"}')


def opened(url: str) -> Database:
    return open_database(Store.model_validate({"url": url}))


@pytest.fixture
def url(postgresql: str) -> str:
    """A database of which nobody has made use yet."""
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS causal_schema, causal_incidents, causal_states, causal_interventions")
    return postgresql


def test_replicas_that_start_at_once_make_the_tables_once_and_share_what_they_write(url: str) -> None:
    with ThreadPoolExecutor(4) as replicas:
        stores = list(replicas.map(opened, [url] * 4))
        list(replicas.map(lambda store: store.write([ENDED, OPEN], {"verdicts": "[]"}, 0), stores))
    stores[0].write([OPEN._replace(end=500)], {"verdicts": "[1]"}, keep_from=300)
    assert stores[3].records(since=0) == [OPEN._replace(end=500)]
    assert stores[3].state("verdicts") == "[1]"
    for store in stores:
        store.close()
    again = opened(url)
    assert again.records(since=0) == [OPEN._replace(end=500)]
    again.close()


def test_connections_that_the_server_has_ended_are_replaced(url: str) -> None:
    store = opened(url)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'causal-datasource'"
        )
    store.write([ENDED], {}, keep_from=0)
    assert store.records(0) == [ENDED]
    store.close()


def test_a_newer_schema_is_left_alone(url: str) -> None:
    opened(url).close()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(f"UPDATE causal_schema SET version = {len(STEPS) + 1}")
    with pytest.raises(StoreError, match="newer version"):
        opened(url)


def test_a_user_or_database_that_is_not_there_is_told(url: str) -> None:
    with pytest.raises(StoreError, match=r"does not exist.*store\.url"):
        opened(url.replace("causal@", "nobody:hunter2@"))
