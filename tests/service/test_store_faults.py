"""The running service while its store fails in every way: it goes on in memory, says so, and misses nothing."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from running import FAST, Service, TwoServices, kill, serving

from datasource.store.address import FILE


@pytest.fixture(scope="module")
def prometheus() -> Iterator[TwoServices]:
    services = TwoServices()
    yield services
    services.stop()


@pytest.fixture(scope="module")
def service(prometheus: TwoServices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("store-faults")
    file = folder / "causal.yaml"
    file.write_text(FAST.format(url=prometheus.server.url, store=folder / "store"))
    with serving(file, "service") as found:
        found.wait(found.scores)
        yield found
        assert "Traceback" not in found.process.log.read_text()


def store(service: Service) -> Path:
    return service.config.with_name("store") / FILE


def kept(service: Service) -> set[str]:
    """The incidents in the store; none where it is being begun."""
    try:
        with closing(sqlite3.connect(store(service), timeout=10)) as database:
            return {row[0] for row in database.execute("SELECT id FROM causal_incidents")}
    except sqlite3.DatabaseError:
        return set()


def shown(service: Service) -> set[str]:
    return {one["incident"] for one in service.shown()["incidents"]}


def test_what_happens_while_the_store_is_locked_is_shown_survives_a_kill_and_is_written_afterwards(
    service: Service, prometheus: TwoServices
) -> None:
    with closing(sqlite3.connect(store(service), isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        prometheus.slower = 3.0
        service.wait(lambda: shown(service))
        service.wait(lambda: service.number("store_up") == 0)
        assert "is locked" in service.said()
        assert "another process holds it" in service.said()
        incidents = shown(service)
        restarts = service.number("evaluator_restarts_total")
        kill(service.children()["evaluates"])
        service.wait(lambda: service.number("evaluator_restarts_total") > restarts)
        evaluations = service.number("evaluations_total")
        service.wait(lambda: service.number("evaluations_total") > evaluations + 1)
        assert incidents <= shown(service)
        prometheus.slower = 1.0
    service.wait(lambda: service.number("store_up") == 1)
    service.wait(lambda: shown(service) <= kept(service))
    assert incidents <= kept(service)
    assert "kept in the store again" in service.process.log.read_text()


def test_a_store_that_was_deleted_is_begun_anew_with_what_is_known(service: Service) -> None:
    service.wait(lambda: service.number("store_up") == 1)
    known = shown(service)
    assert known
    shutil.rmtree(store(service).parent)
    service.wait(lambda: store(service).exists() and known <= kept(service))
    service.wait(lambda: service.number("store_up") == 1)
    assert service.scores() == 4


def test_a_damaged_store_is_left_alone_and_told_until_it_is_moved_away(service: Service) -> None:
    service.wait(lambda: service.number("store_up") == 1)
    known = shown(service)
    damaged = b"this is no database" * 1000
    folder, begun = store(service).parent, store(service).parent.with_name("damaged")
    begun.mkdir()
    (begun / FILE).write_bytes(damaged)
    folder.rename(folder.with_name("before"))  # with what SQLite would mend the file by
    begun.rename(folder)
    service.wait(lambda: "it is damaged; move it away and a new one is begun" in service.said())
    service.wait(lambda: service.number("store_up") == 0)
    assert service.scores() == 4
    assert store(service).read_bytes() == damaged
    store(service).unlink()
    service.wait(lambda: service.number("store_up") == 1)
    service.wait(lambda: known <= kept(service))
