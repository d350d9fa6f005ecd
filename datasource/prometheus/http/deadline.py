"""A deadline over a whole request: connection, redirects, headers and body, however slowly the bytes drip.

Timeouts of a socket only bound the wait for the next bytes. Here a timer shuts the socket down when the time is over,
which ends any read from it at once.
"""

import contextlib
import socket
import threading
import time
from types import TracebackType

_running = threading.local()


class Deadline:
    """Ends what the current thread waits for `seconds` after it was entered. Deadlines do not nest."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def remaining(self) -> float:
        """Seconds left, at least a millisecond, since 0 would mean not to wait for anything."""
        return max(0.001, self.ends - time.monotonic())

    def watch(self, one: socket.socket) -> None:
        """From now on this is the socket that the thread waits for."""
        with self._lock:
            self._socket = one
            if self.passed:
                _shut(one)

    def release(self) -> None:
        """The socket may serve others now."""
        with self._lock:
            self._socket = None

    def __enter__(self) -> "Deadline":
        _running.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self.release()
        _running.deadline = None

    def _end(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                _shut(self._socket)


def current_deadline() -> Deadline | None:
    """The deadline that the current thread works under."""
    deadline: Deadline | None = getattr(_running, "deadline", None)
    return deadline


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        socket.socket.shutdown(one, socket.SHUT_RDWR)  # not SSLSocket's, which would tear TLS down under the reader
