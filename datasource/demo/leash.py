"""Becomes another program that is told to end (SIGTERM) when the process that started it dies, however it dies.

    python leash.py PARENT_PID PROGRAM [ARGUMENT ...]

Where the kernel cannot do that (it is Linux' PR_SET_PDEATHSIG) the program just runs. The kernel watches the thread
that started the program: start it from one that lives as long as the process, such as the main thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Tie this process to its parent and become the program."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that wanted this program is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
