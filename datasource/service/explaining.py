"""Which label values carry a change, for whoever asks the service: computed in own threads, within a deadline."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotDone
from contextlib import ExitStack
from typing import Any, NamedTuple

from datasource.attribution.explanation import DEPTH, Explanation, explain_change
from datasource.attribution.question import read_question
from datasource.attribution.reading import choose_times, read_measured
from datasource.attribution.syntax import QueryError
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.prometheus.decode import Ahead
from datasource.prometheus.transport import Reply
from datasource.settings.prometheus import Prometheus

DEADLINE = 30.0
"""Seconds that one explanation may take."""
PATIENCE = 2.0
"""Seconds that somebody waits for one; whoever asks again later gets it then."""
_WAITING = 4
"""So many wait at once; others are told at once to ask again, so that threads are left for other questions."""
_AT_ONCE, _UNDER_WAY, _KEPT = 2, 16, 64


class ChangeQuestion(NamedTuple):
    """A PromQL query, two times in seconds since 1970, and over how many seconds up to each is averaged, where that is
    said."""

    query: str
    start: int
    end: int
    over: float | None = None
    depth: int = DEPTH


class NotYetError(Exception):
    """The answer is being computed; the text says to ask again."""


class Explaining:
    """Explains changes of queries to one Prometheus. A question is computed once, however many ask."""

    def __init__(self, client: Callable[[float], PrometheusClient]) -> None:
        """`client` gives a client that asks nothing more after a deadline (a time of `time.monotonic`)."""
        self._client = client
        self._lock = threading.Lock()
        self._computing = threading.BoundedSemaphore(_AT_ONCE)
        self._waiting = threading.BoundedSemaphore(_WAITING)
        self._found: OrderedDict[ChangeQuestion, Future[Explanation]] = OrderedDict()

    def ask(self, question: ChangeQuestion, patience: float | None = None) -> Explanation:
        """The answer, if it is there within `patience` seconds (PATIENCE, unless given). Raises NotYetError where it is
        not, QueryError and PrometheusError where there is none."""
        future = self._future(question)
        with ExitStack() as stack:
            if not future.done():
                if not self._waiting.acquire(blocking=False):
                    raise NotYetError(_LATER)
                stack.callback(self._waiting.release)
            try:
                return future.result(timeout=PATIENCE if patience is None else patience)
            except NotDone:
                raise NotYetError(_LATER) from None
            except (QueryError, PrometheusError):
                with self._lock:
                    self._found.pop(question, None)
                raise

    def _future(self, question: ChangeQuestion) -> "Future[Explanation]":
        with self._lock:
            future = self._found.get(question)
            if future is not None:
                self._found.move_to_end(question)
                return future
            if sum(not one.done() for one in self._found.values()) >= _UNDER_WAY:
                raise NotYetError(f"{_UNDER_WAY} other changes are being explained; ask again in a minute")
            future = self._found[question] = Future()
            for old in [key for key, one in self._found.items() if one.done()][: max(0, len(self._found) - _KEPT)]:
                del self._found[old]
        threading.Thread(target=self._compute, args=(question, future), name="explaining", daemon=True).start()
        return future

    def _compute(self, question: ChangeQuestion, future: "Future[Explanation]") -> None:
        with self._computing:
            try:
                future.set_result(self._explain(question))
            except BaseException as error:
                future.set_exception(error)

    def _explain(self, question: ChangeQuestion) -> Explanation:
        asked = read_question(question.query)
        times = choose_times(asked, question.start, question.end, question.over)
        measured = read_measured(self._client(time.monotonic() + DEADLINE), asked, times)
        return explain_change(asked, measured, question.depth)


class HurriedClient(PrometheusClient):
    """A Prometheus that is asked nothing more after a deadline, a time of `time.monotonic`."""

    def __init__(self, settings: Prometheus, deadline: float) -> None:
        super().__init__(settings)
        self._deadline = deadline

    def _ask(self, endpoint: str, params: Mapping[str, Any], ahead: Ahead | None = None) -> Reply:
        if time.monotonic() > self._deadline:
            raise PrometheusError(
                "timeout",
                f"{self.url} took longer than {DEADLINE:.0f} s over the series of this query; choose a narrower "
                "one, or times that lie closer together",
            )
        return super()._ask(endpoint, params, ahead)


_LATER = "this change is being explained; ask again in some seconds"
