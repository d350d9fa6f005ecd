"""A real PostgreSQL, as Debian packages it, on loopback, which may be stopped and started."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from datasource.demo.child import ChildProcess
from datasource.demo.processes import free_port

_DEBIAN = Path("/usr/lib/postgresql")


class PostgreSQL:
    """An empty database in a directory. It refuses to run as root; then it runs as the user `postgres`."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self._programs, self._directory, self._port = programs, directory, free_port()
        if self._as_user:
            shutil.chown(directory, "postgres")
        self._run("initdb", "-D", str(directory / "data"), "-U", "causal", "-A", "trust", "--no-sync")
        self.url = f"postgresql://causal@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = ["-D", str(self._directory / "data"), "-p", str(self._port), "-k", str(self._directory)]
        command = [*self._as_user, str(self._programs / "postgres"), *options, "-c", "listen_addresses=127.0.0.1"]
        self._server = ChildProcess(command, self._directory / "log", name="postgres")
        self._server.wait_ready(self._answers, timeout=30)

    def stop(self, how: str = "fast") -> None:
        """End it; how "immediate" is as if it were killed."""
        self._run("pg_ctl", "-D", str(self._directory / "data"), "stop", "-m", how, check=False)
        self._server.stop()

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        subprocess.run(command, check=check, capture_output=True, timeout=60, cwd=self._directory)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_postgresql(binary: Callable[[str], str]) -> Iterator[PostgreSQL]:
    """One that is running."""
    programs = next(iter(sorted(_DEBIAN.glob("*/bin"), reverse=True)), None)
    if programs is None:
        programs = Path(binary("postgres")).resolve().parent
    with tempfile.TemporaryDirectory(prefix="causal-pg-", ignore_cleanup_errors=True) as name:
        server = PostgreSQL(programs, Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()
