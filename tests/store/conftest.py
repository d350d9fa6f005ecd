"""A real PostgreSQL, as Debian packages it, on loopback."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from datasource.demo.child import ChildProcess
from datasource.demo.processes import free_port

_DEBIAN = Path("/usr/lib/postgresql")


@pytest.fixture(scope="session")
def postgresql(server_binary: Callable[[str], str]) -> Iterator[str]:
    """The URL of an empty database. PostgreSQL refuses to run as root; then it runs as the user `postgres`."""
    programs = next(iter(sorted(_DEBIAN.glob("*/bin"), reverse=True)), None)
    if programs is None:
        programs = Path(server_binary("postgres")).resolve().parent
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="causal-pg-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        if as_user:
            shutil.chown(directory, "postgres")
        data, port = directory / "data", free_port()
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "causal", "-A", "trust", "--no-sync"]
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, timeout=60, cwd=directory)
        options = ["-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", str(directory)]
        server = ChildProcess([*as_user, str(programs / "postgres"), *options], directory / "log", name="postgres")
        url = f"postgresql://causal@127.0.0.1:{port}/postgres"
        try:
            server.wait_ready(lambda: _answers(url), timeout=30)
            yield url
        finally:
            stop = [str(programs / "pg_ctl"), "-D", str(data), "stop", "-m", "fast"]
            subprocess.run([*as_user, *stop], check=False, capture_output=True, timeout=30, cwd=directory)
            server.stop()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
