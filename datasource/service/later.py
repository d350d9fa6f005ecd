"""Answers that take longer than anybody waits for: computed once, in threads of their own, for whoever asks again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import ExitStack
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Found = TypeVar("Found")

_WAITING = 4
"""So many wait at once; others are told at once to ask again, so that threads are left for other questions."""
_AT_ONCE, _UNDER_WAY, _KEPT = 2, 16, 64


class NotYetError(Exception):
    """The answer is being computed; the text says to ask again."""


class Later(Generic[Question, Found]):
    """Computes the answers to questions. A question is computed once, however many ask; what fails is computed anew for
    whoever asks next."""

    def __init__(self, compute: Callable[[Question], Found], told: str, at_once: int = _AT_ONCE) -> None:
        """`told` says that an answer is being computed, and so many are `at_once`."""
        self._compute_one = compute
        self._told = told
        self._lock = threading.Lock()
        self._computing = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._found: OrderedDict[Question, Future[Found]] = OrderedDict()

    def ask(self, question: Question, patience: float) -> Found:
        """The answer, if it is there within `patience` seconds. Raises NotYetError where it is not, and what computing
        it raised."""
        future = self._future(question)
        with ExitStack() as stack:
            if not future.done():
                if not self._waiting.acquire(blocking=False):
                    raise NotYetError(self._told)
                stack.callback(self._waiting.release)
            try:
                return future.result(timeout=patience)
            except NotDone:
                if future.done():
                    self._let_go(question)
                    raise
                raise NotYetError(self._told) from None
            except Exception:
                self._let_go(question)
                raise

    def _let_go(self, question: Question) -> None:
        with self._lock:
            self._found.pop(question, None)

    def _future(self, question: Question) -> Future[Found]:
        with self._lock:
            future = self._found.get(question)
            if future is not None:
                self._found.move_to_end(question)
                return future
            if sum(not one.done() for one in self._found.values()) >= _UNDER_WAY:
                raise NotYetError(f"{_UNDER_WAY} other answers are being computed; ask again in a minute")
            future = self._found[question] = Future()
            for old in [key for key, one in self._found.items() if one.done()][: max(0, len(self._found) - _KEPT)]:
                del self._found[old]
        threading.Thread(target=self._compute, args=(question, future), name="later", daemon=True).start()
        return future

    def _compute(self, question: Question, future: Future[Found]) -> None:
        with self._computing:
            try:
                future.set_result(self._compute_one(question))
            except BaseException as error:
                future.set_exception(error)
