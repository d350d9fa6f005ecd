"""Child processes that end with the process that started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


class ProcessFailedError(RuntimeError):
    """A process ended, or did not become ready; the message has the end of its log."""


def wait_until(predicate: Callable[[], bool], timeout: float, interval: float = 0.1) -> bool:
    """Ask every `interval` seconds until the answer is yes; False after `timeout` seconds of no."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True


class ChildProcess:
    """A program in a session of its own, its output in a file.

    It does not see a Ctrl-C meant for its parent, and it ends when the parent dies. Start it from a thread that lives
    as long as it shall.
    """

    def __init__(
        self, command: Sequence[str], log: Path, *, name: str = "", env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name or Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if env is None else {**os.environ, **env},
            )

    @property
    def pid(self) -> int:
        """The process id, which is its process group's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, ready: Callable[[], bool], timeout: float) -> None:
        """Wait until `ready()`.

        Raises:
            ProcessFailedError: it ended, or `timeout` seconds have passed.
        """
        in_time = wait_until(lambda: not self.running or ready(), timeout)
        self.expect_running()
        if not in_time:
            raise ProcessFailedError(f"{self.name} was not ready after {timeout:.0f} s:\n{self.log_tail()}")

    def expect_running(self) -> None:
        """Do nothing while it runs.

        Raises:
            ProcessFailedError: it has ended.
        """
        if not self.running:
            raise ProcessFailedError(f"{self.name} ended with code {self._process.returncode}:\n{self.log_tail()}")

    def stop(self, timeout: float = 10) -> None:
        """Ask it to end; after `timeout` seconds kill it, and with it what it has left in its process group."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
