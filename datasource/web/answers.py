"""Answers that are computed once a snapshot, however many ask."""

import gzip
import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from threading import BoundedSemaphore, Lock
from typing import NamedTuple

_MOST_BYTES = 64 * 1024 * 1024
_OVERHEAD = 512
COMPUTING = 4
"""So many answers are computed at once: more threads would only take turns, and hold up the health check."""
SHORTEST = 1000
"""Bytes of an answer from which on it is worth compressing."""


class Body(NamedTuple):
    """The bytes of an answer, as they are and compressed (empty where that saves nothing)."""

    plain: bytes
    gzipped: bytes


def body(plain: bytes) -> Body:
    """Both forms of an answer."""
    return Body(plain, compressed(plain) if len(plain) > SHORTEST else b"")


def compressed(plain: bytes) -> bytes:
    """By gzip, for speed rather than for size."""
    return gzip.compress(plain, 1, mtime=0)


class Answers:
    """Those of the newest snapshot. Who asks what somebody else is asking waits for the same answer."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = Lock()
        self._computing = BoundedSemaphore(COMPUTING)
        self._of: object = None
        self._futures: dict[bytes, Future[Body]] = {}
        self.bytes_kept = 0

    def get(self, of: object, question: object, compute: Callable[[], bytes]) -> Body:
        """The answer to a question, told apart by its repr, about the snapshot `of`. Raises what `compute` raises, to
        everybody who waits."""
        key = hashlib.blake2b(repr(question).encode(errors="replace")).digest()
        with self._lock:
            if of is not self._of:
                self._of, self._futures, self.bytes_kept = of, {}, 0
            future = self._futures.get(key)
            mine = future is None
            if future is None:
                future = self._futures[key] = Future()
            futures = self._futures
        if mine:
            try:
                with self._computing:
                    answer = body(compute())
            except BaseException as error:
                futures.pop(key, None)
                future.set_exception(error)
            else:
                future.set_result(answer)
                self._keep(futures, _size(answer))
        return future.result()

    def _keep(self, futures: dict[bytes, "Future[Body]"], size: int) -> None:
        """Let go of the oldest answers where all are too many bytes."""
        with self._lock:
            if futures is not self._futures:
                return
            self.bytes_kept += size
            for key in [*futures]:
                if self.bytes_kept <= self._most:
                    return
                if futures[key].done():
                    self.bytes_kept -= _size(futures.pop(key).result())


def _size(answer: Body) -> int:
    return len(answer.plain) + len(answer.gzipped) + _OVERHEAD
