"""HTTP to one server, as Prometheus' `http_config` describes it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from datasource.prometheus.decode import Ahead
from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.http.credentials import Credentials
from datasource.prometheus.http.deadline import Deadline
from datasource.prometheus.http.failures import Server, never_connected
from datasource.prometheus.http.refusal import refusal
from datasource.prometheus.http.session import Session, read_at_most
from datasource.prometheus.http.tls import Tls
from datasource.settings.http import HttpConfig, split_user

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer, decompressed. Readings of more are split into shorter times."""

_TRANSIENT = (502, 503, 504)
_OWN_TIMEOUT = b'"errorType":"timeout"'
"""Prometheus' own words for a query that took too long; asking again would take as long."""
_ASKING_FOR_PATIENCE = (429, 503)
_MOST_PATIENCE = 300.0
"""Seconds; a longer Retry-After is asked again after these."""


@dataclass(frozen=True)
class Reply:
    """An answer of any status but 401, 403, 407: its body as it came, decompressed, and for how many seconds it asks
    to be left alone."""

    status: int
    content_type: str
    body: bytes
    patience: float = 0.0


class Transport:
    """Asks one server. `block` is where its configuration stands in the settings, so that errors can name the key.

    `timeout` (seconds) bounds a whole request: tokens, redirects, retries and the last byte of the body. `retries`
    counts further tries after a refused connection or HTTP 502, 503, 504. A server that answers 429 or 503 with
    Retry-After is not asked before that, for at most five minutes. Threads may share it. `session` carries the
    credentials, TLS and proxy by itself, for whoever wants to use it directly.
    """

    def __init__(
        self, config: HttpConfig, url: str, timeout: float = 30.0, retries: int = 2, block: str = "prometheus"
    ) -> None:
        self.url, user = split_user(url.rstrip("/"))
        if user is not None:
            config = config.model_copy(update={"basic_auth": user, "authorization": None, "oauth2": None})
        self.config = config
        self.timeout = timeout
        self.retries = retries
        self._credentials = Credentials(config, block)
        tls = Tls(config.tls_config, f"{block}.tls_config")
        self._server = Server(self.url, block, f"{block}.url", timeout, tls, config)
        self.session = Session(self.url, tls, config, frozenset(name.lower() for name in config.http_headers))
        self.session.auth = self._credentials
        self._not_before = 0.0

    def get(self, path: str = "", params: Mapping[str, Any] | None = None, ahead: Ahead | None = None) -> Reply:
        """GET `url` + `path`; what comes with 200 is read `ahead` while it comes.

        Raises PrometheusError: unreachable, timeout, tls, unauthorised, limit, unavailable.
        """
        wait = self._not_before - time.monotonic()
        if wait > 0:
            raise PrometheusError(
                "unavailable", f"{self.url} asks to be left alone (Retry-After); it is asked again in {wait:.0f} s"
            )
        with self._in_time() as deadline:
            for attempt in range(self.retries + 1):
                if attempt:
                    time.sleep(min(0.1 * 2**attempt, deadline.remaining))
                try:
                    reply = self._try("GET", path, deadline, ahead, params=dict(params or {}))
                except requests.ConnectionError as error:
                    if attempt == self.retries or deadline.passed or not never_connected(error):
                        raise
                    continue
                if reply.status not in _TRANSIENT or _OWN_TIMEOUT in reply.body or reply.patience:
                    break
        if reply.patience:
            self._not_before = time.monotonic() + reply.patience
        return reply

    def post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        """POST to `url`, once. Raises PrometheusError as `get` does."""
        with self._in_time() as deadline:
            return self._try("POST", "", deadline, data=body, headers=dict(headers))

    def get_json(self, path: str = "", params: Mapping[str, Any] | None = None) -> Any:
        """The decoded JSON at `url` + `path`. Raises PrometheusError."""
        reply = self.get(path, params)
        if reply.status >= 500 or reply.status == 429:
            raise self.unavailable(reply)
        try:
            decoded = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            raise self.not_json(reply) from None
        if reply.status != 200:
            raise PrometheusError("bad_query", f"{self.url} answered {path} with HTTP {reply.status}")
        return decoded

    def unavailable(self, reply: Reply) -> PrometheusError:
        """The error for a 5xx or 429 that says nothing."""
        return PrometheusError(
            "unavailable", f"{self.url} answered HTTP {reply.status}; it, or a proxy before it, is in trouble"
        )

    def not_json(self, reply: Reply, wanted: str = "JSON") -> PrometheusError:
        """The error for an answer that is not JSON, or not the JSON that was `wanted`."""
        return PrometheusError(
            "not_json",
            f"{self.url} answered HTTP {reply.status} with {reply.content_type or 'no content type'}, "
            f"not with {wanted}; check that {self._server.key} has the right port and path prefix",
        )

    def hide(self, text: str) -> str:
        """The same text without our secrets, for what a server says."""
        return self._credentials.hide(text)

    @contextmanager
    def _in_time(self) -> Iterator[Deadline]:
        """A deadline; what fails within it as PrometheusError."""
        with Deadline(self.timeout) as deadline:
            try:
                yield deadline
            except (requests.RequestException, HTTPError, OSError) as error:
                raise self._server.timed_out() if deadline.passed else self._server.failed(error) from None
            except PrometheusError:
                if deadline.passed:
                    raise self._server.timed_out() from None
                raise

    def _try(self, method: str, path: str, deadline: Deadline, ahead: Ahead | None = None, **options: Any) -> Reply:
        response, body = self._once(method, path, deadline, ahead, options)
        if response.status_code == 401:
            sent = response.request.headers.get("Authorization")
            if sent and self._credentials.renewed(sent):
                response, body = self._once(method, path, deadline, ahead, options)
        error = refusal(response, body, self._server, self._credentials, self.session)
        if error is not None:
            raise error
        patience = (
            asked_patience(response.headers.get("Retry-After", ""))
            if response.status_code in _ASKING_FOR_PATIENCE
            else 0.0
        )
        return Reply(response.status_code, response.headers.get("Content-Type", ""), body, patience)

    def _once(
        self, method: str, path: str, deadline: Deadline, ahead: Ahead | None, options: Mapping[str, Any]
    ) -> tuple[requests.Response, bytes]:
        if ahead is not None:
            ahead.begin()
        with self.session.request(
            method,
            self.url + path,
            timeout=deadline.remaining,
            allow_redirects=self.config.follow_redirects,
            stream=True,
            **options,
        ) as response:
            take = ahead.take if ahead is not None and response.status_code == 200 else None
            body = b"" if response.is_redirect else read_at_most(response, MOST_BYTES, take)
        deadline.release()
        if deadline.passed:
            raise requests.Timeout
        if body is None:
            raise PrometheusError(
                "limit",
                f"the answer of {self.url} is larger than {MOST_BYTES // 1024 // 1024} MiB; let the query return fewer "
                "series, as sum by (...) does",
            )
        return response, body


def asked_patience(retry_after: str, now: Callable[[], float] = time.time) -> float:
    """The seconds of a Retry-After, which may be a date, at most five minutes; 0 where it is neither."""
    try:
        wanted = float(retry_after)
    except ValueError:
        try:
            wanted = parsedate_to_datetime(retry_after).timestamp() - now()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(wanted, 0.0), _MOST_PATIENCE) if isfinite(wanted) else 0.0
