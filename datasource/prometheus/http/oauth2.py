"""Bearer tokens from client credentials (RFC 6749, section 4.4).

By hand, since it is one request: requests-oauthlib would add two packages, and neither follows a secret file that
changes nor knows our deadline.
"""

import threading
import time
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import orjson
import requests
from urllib3.exceptions import HTTPError

from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.http.deadline import current_deadline
from datasource.prometheus.http.failures import Server
from datasource.prometheus.http.secrets import read_secret
from datasource.prometheus.http.session import Session, read_at_most
from datasource.prometheus.http.tls import Tls
from datasource.settings.http import OAuth2
from datasource.settings.secret import hide_userinfo

_EARLY = 10.0
"""A token is not used in the last seconds before it expires."""

_TIMEOUT = 30.0
_MOST_BYTES = 1024 * 1024


class _Token(NamedTuple):
    text: str
    secret: str
    until: float


class TokenSource:
    """Fetches a token when there is none, when it expires, and when the client's secret has changed.

    `setting` is where the block stands, as prometheus.oauth2.
    """

    def __init__(self, config: OAuth2, setting: str) -> None:
        self.config = config
        self.setting = setting
        self.known: set[str] = set()
        self._token: _Token | None = None
        self._in_body = False
        self._lock = threading.Lock()
        tls = Tls(config.tls_config, f"{setting}.tls_config")
        url = hide_userinfo(config.token_url)
        self._session = Session(url, tls, config)
        self._server = Server(url, setting, f"{setting}.token_url", _TIMEOUT, tls, config)

    def token(self) -> str:
        """A token that is good now. Raises PrometheusError."""
        secret = read_secret(
            self.config.client_secret, self.config.client_secret_file, f"{self.setting}.client_secret_file"
        )
        self.known.add(secret)
        if not self._lock.acquire(timeout=_remaining()):
            raise self._server.timed_out()
        try:
            if self._token is None or self._token.secret != secret or self._token.until <= time.monotonic():
                self._token = self._fetch(secret)
                self.known = {secret, self._token.text}
            return self._token.text
        finally:
            self._lock.release()

    def forget(self, refused: str) -> None:
        """The server did not accept this token; the next one is fetched anew."""
        with self._lock:
            if self._token and self._token.text == refused:
                self._token = None

    def _fetch(self, secret: str) -> _Token:
        status, body = self._ask(secret, self._in_body)
        if status in (400, 401) and b"invalid_grant" not in body:
            # Some servers only take the credentials from a header, some only from the body.
            other = self._ask(secret, not self._in_body)
            if other[0] < 400:
                self._in_body = not self._in_body
                status, body = other
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if status >= 400:
            raise self._refused(status, answer, secret)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise PrometheusError(
                "not_json", f"{self._server.url} answered without an access_token; check {self._server.key}"
            )
        try:
            lasts = float(answer.get("expires_in") or "inf")
        except (TypeError, ValueError):
            lasts = float("inf")
        return _Token(answer["access_token"], secret, time.monotonic() + lasts - min(_EARLY, lasts / 2))

    def _ask(self, secret: str, in_body: bool) -> tuple[int, bytes]:
        """Status and body."""
        config = self.config
        form = {"grant_type": "client_credentials", **config.endpoint_params}
        if config.scopes:
            form["scope"] = " ".join(config.scopes)
        if in_body:
            form |= {"client_id": config.client_id, "client_secret": secret}
        auth = None if in_body else (quote_plus(config.client_id), quote_plus(secret))
        try:
            with self._session.post(
                self._server.url, data=form, auth=auth, timeout=_remaining(), allow_redirects=False, stream=True
            ) as response:
                body = b"" if response.is_redirect else read_at_most(response, _MOST_BYTES)
                return response.status_code, body or b""
        except (requests.RequestException, HTTPError) as error:
            raise self._server.failed(error) from None

    def _refused(self, status: int, answer: Any, secret: str) -> PrometheusError:
        texts = (
            [str(answer[key]) for key in ("error", "error_description") if answer.get(key)]
            if isinstance(answer, dict)
            else []
        )
        said = (": " + ", ".join(texts)).replace(secret, "<secret>") if texts else ""
        if status >= 500:
            return PrometheusError("unavailable", f"{self._server.url} answered HTTP {status}{said}")
        key = "client_secret_file" if self.config.client_secret_file else "client_secret"
        return PrometheusError(
            "unauthorised",
            f"{self._server.url} gives no token (HTTP {status}{said}); "
            f"check {self.setting}.client_id, {key} and scopes",
        )


def _remaining() -> float:
    deadline = current_deadline()
    return deadline.remaining if deadline else _TIMEOUT
