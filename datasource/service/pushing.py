"""Results pushed by remote write, to a Prometheus, Mimir or VictoriaMetrics that cannot scrape them.

What is pushed is what a scrape at this moment would have brought, with its end where a series is gone.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from datasource.prometheus import PrometheusError
from datasource.prometheus.prompb import WRITE_HEADERS, Written, write_request, written
from datasource.prometheus.transport import Transport
from datasource.settings.remote_write import RemoteWrite

log = logging.getLogger(__name__)

_BATCH = 2000
"""Samples of a request, as Prometheus' own `max_samples_per_send`."""
_MOST_BYTES = 64 * 1024 * 1024
"""Of all requests that wait; the oldest go where there are more."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds until a request is sent again: twice as long each time."""
_LONGEST_TOLD = 160
_HOPELESS = frozenset({"unauthorised", "not_json"})
"""Errors by which a request is not sent again: who refuses it now does so in a minute."""


_NO_RECEIVER = (
    "; set remote_write.url to the address that takes remote write (of a Prometheus /api/v1/write, if it was started "
    "with --web.enable-remote-write-receiver)"
)


@dataclass(frozen=True)
class Pushed:
    """How delivery goes, in samples since the start. `waiting` are still to be delivered; `refused` were not taken, and
    `expired` could not be delivered in time. `error` is the last one's, empty while all is well."""

    delivered: int = 0
    refused: int = 0
    expired: int = 0
    retries: int = 0
    waiting: int = 0
    last_success: float = 0.0
    error: str = ""


class _Request(NamedTuple):
    """A body to be sent, of so many samples, made at a time (seconds since 1970)."""

    time: float
    body: bytes
    samples: int


class Pusher:
    """Sends what it is given, the oldest first, by a thread of its own. `now` gives seconds since 1970."""

    def __init__(self, config: RemoteWrite, now: Callable[[], float] = time.time) -> None:
        self.config = config
        self.pushed = Pushed()
        self._now = now
        self._transport = _transport(config)
        self._there: frozenset[bytes] = frozenset()
        self._queue: deque[_Request] = deque()
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._refused_at = 0.0
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def push(self, samples: Iterable[tuple[str, Mapping[str, str], float]]) -> None:
        """Queue the samples of now: name, labels, value. Series of the last time that are not among them end."""
        if self._ending.is_set():
            return
        now = self._now()
        series = [written(name, {**self.config.external_labels, **labels}, value) for name, labels, value in samples]
        there = frozenset(one.labels for one in series)
        series += [Written(labels, None) for labels in sorted(self._there - there)]
        self._there = there
        parts = [series[begin : begin + _BATCH] for begin in range(0, len(series), _BATCH)]
        requests = [_Request(now, write_request(part, int(now * 1000)), len(part)) for part in parts]
        with self._changed:
            self._queue.extend(requests)
            self._drop_the_oldest()
            self._changed.notify()

    def forget(self) -> None:
        """Send nothing of what waits, and let series end by themselves: another process goes on with them."""
        with self._changed:
            self._there = frozenset()
            self._queue.clear()
            self._count()

    def stop(self, seconds: float) -> None:
        """End all series, and deliver what waits within so many seconds."""
        self.push([])
        self._ending.set()
        with self._changed:
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while (request := self._next()) is not None:
            again = self._send(request, pause)
            if again is None:
                pause = _FIRST_PAUSE
                continue
            with self._changed:
                self._queue.appendleft(request)
                self._drop_the_oldest()
                self._count(retries=1)
            if self._ending.wait(again):
                return
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _next(self) -> _Request | None:
        """The oldest request that waits; None where there is nothing more to be sent."""
        with self._changed:
            while not self._queue and not self._ending.is_set():
                self._changed.wait()
            self._drop_the_oldest()
            return self._queue.popleft() if self._queue else None

    def _send(self, request: _Request, pause: float) -> float | None:
        """After how many seconds to send it again; None where that is not to be done."""
        found = _deliver(self._transport, request.body, self._now())
        if found.taken:
            with self._changed:
                told = "" if request.time > self._refused_at else self.pushed.error
                self._count(delivered=request.samples, last_success=self._now(), error=told)
            return None
        if found.again:
            return self._later(found.told, found.pause or pause)
        return self._refuse(request, found.told)

    def _later(self, why: str, pause: float) -> float:
        told = f"results wait to be pushed: {why}"
        with self._changed:
            if told != self.pushed.error:
                log.warning("%s", told)
            self._count(error=told)
        return pause

    def _refuse(self, request: _Request, why: str) -> float | None:
        told = f"results are not pushed, for they are refused: {why}"
        with self._changed:
            if told != self.pushed.error:
                log.warning("%s", told)
            self._refused_at = request.time
            self._count(refused=request.samples, error=told)
        return None

    def _drop_the_oldest(self) -> None:
        """Those that have waited for too long, and those beyond what may wait at all."""
        size = sum(len(one.body) for one in self._queue)
        expired = 0
        while self._queue and (size > _MOST_BYTES or self._now() - self._queue[0].time > self.config.keep):
            oldest = self._queue.popleft()
            size -= len(oldest.body)
            expired += oldest.samples
        self._count(expired=expired)

    def _count(
        self,
        *,
        delivered: int = 0,
        refused: int = 0,
        expired: int = 0,
        retries: int = 0,
        last_success: float | None = None,
        error: str | None = None,
    ) -> None:
        one = self.pushed
        self.pushed = replace(
            one,
            delivered=one.delivered + delivered,
            refused=one.refused + refused,
            expired=one.expired + expired,
            retries=one.retries + retries,
            waiting=sum(request.samples for request in self._queue),
            last_success=one.last_success if last_success is None else last_success,
            error=one.error if error is None else error,
        )


class _Answer(NamedTuple):
    """What became of a request: whether it was taken, or is to be sent again, and after how many seconds (0 where the
    server does not say)."""

    taken: bool = False
    again: bool = False
    told: str = ""
    pause: float = 0.0


def _deliver(transport: Transport, body: bytes, now: float) -> _Answer:
    try:
        reply = transport.post(body, WRITE_HEADERS)
    except PrometheusError as error:
        return _Answer(again=error.kind not in _HOPELESS, told=str(error))
    if reply.status // 100 == 2:
        return _Answer(taken=True)
    said = " ".join(transport.hide(reply.body[:_LONGEST_TOLD].decode(errors="replace")).split())
    told = f"{transport.url} answers HTTP {reply.status}{f': {said}' if said else ''}"
    if reply.status == 429 or reply.status >= 500:
        return _Answer(again=True, told=told, pause=reply.patience)
    return _Answer(told=f"{told}{_NO_RECEIVER if reply.status in (404, 405) else ''}")


def why_not_taken(config: RemoteWrite) -> str:
    """Why the server takes nothing now, as an empty request shows; empty where it would take results."""
    return _deliver(_transport(config), write_request([], 0), time.time()).told


def _transport(config: RemoteWrite) -> Transport:
    return Transport(config, config.url, config.timeout, retries=0, block="remote_write")
