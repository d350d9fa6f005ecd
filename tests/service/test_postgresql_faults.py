"""The running service while the PostgreSQL of its store is gone, and when it comes back."""

from collections.abc import Callable
from pathlib import Path

import psycopg
from postgresql import PostgreSQL, running_postgresql
from running import FAST, Service, TwoServices, serving


def kept(server: PostgreSQL) -> set[str]:
    with psycopg.connect(server.url) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM causal_incidents")}


def shown(service: Service) -> set[str]:
    return {one["incident"] for one in service.shown()["incidents"]}


def test_what_happens_while_it_is_gone_is_shown_and_written_once_it_is_back(
    server_binary: Callable[[str], str], tmp_path: Path
) -> None:
    services = TwoServices()
    with running_postgresql(server_binary) as server:
        file = tmp_path / "causal.yaml"
        text = FAST.format(url=services.server.url, store="")
        file.write_text(text.replace("{directory: }", f"{{url: '{server.url}'}}"))
        with serving(file, "service") as service:
            service.wait(service.scores)
            server.stop("immediate")
            services.slower = 3.0
            service.wait(lambda: shown(service))
            service.wait(lambda: service.number("store_up") == 0)
            assert "check that the server runs and that store.url is right" in service.said()
            assert service.leads()
            incidents = shown(service)
            server.start()
            services.slower = 1.0
            service.wait(lambda: service.number("store_up") == 1)
            service.wait(lambda: incidents <= kept(server))
            assert service.number("stale") == 0
        assert "Traceback" not in service.process.log.read_text()
    services.stop()
