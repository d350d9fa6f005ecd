"""Answers that mean: not you, not here, not so."""

from urllib.parse import urlsplit

import orjson
import requests

from datasource.prometheus.errors import PrometheusError
from datasource.prometheus.http.credentials import Credentials
from datasource.prometheus.http.failures import Server
from datasource.prometheus.http.session import Session
from datasource.settings.secret import hide_userinfo

_LONGEST = 160


def refusal(
    response: requests.Response, body: bytes, server: Server, credentials: Credentials, session: Session
) -> PrometheusError | None:
    """The error in an answer's status that any server gives alike; None when the answer is worth reading."""
    status = response.status_code
    if (status == 400 and b"HTTP request to an HTTPS server" in body) or status == 497:
        return PrometheusError("tls", f"{server.url} speaks TLS; write {server.key} with https://")
    if 300 <= status < 400:
        target = _origin(response.headers.get("Location", ""))
        return PrometheusError(
            "not_json",
            f"{server.url} redirects to {target or 'nowhere'}, and {server.block}.follow_redirects does not allow it; "
            f"set {server.key} to the right address",
        )
    if status == 407:
        return PrometheusError(
            "unauthorised",
            f"the proxy before {server.url} wants other credentials; write {server.block}.proxy_url as "
            "http://user:password@host:port",
        )
    if status not in (401, 403):
        return None
    said = credentials.hide(_said(response, body))
    answered = f"HTTP {status}{f': {said}' if said else ''}"
    where = response.url or server.url
    if not session.is_own(where):
        text = (
            f"{server.url} redirects to {_origin(where)}, which gets no credentials and answers {answered}; "
            f"set {server.key} to that address if it is the right one"
        )
    elif "org id" in said.lower():
        text = f"{server.url} wants a tenant ({answered}); set {server.block}.http_headers.X-Scope-OrgID"
    elif not credentials.setting:
        text = (
            f"{server.url} wants credentials ({answered}); "
            f"set {server.block}.basic_auth, {server.block}.authorization or {server.block}.oauth2"
        )
    elif status == 403:
        text = f"{server.url} knows us but forbids the request ({answered}); grant it, or change {credentials.setting}"
    else:
        text = f"{server.url} does not accept our credentials ({answered}); check {credentials.setting}"
    return PrometheusError("unauthorised", text)


def _origin(url: str) -> str:
    """Scheme, host and path of a URL: no user, no query."""
    parts = urlsplit(hide_userinfo(url))
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else parts.path


def _said(response: requests.Response, body: bytes) -> str:
    """What the server says itself, when it is a line for people."""
    kind = response.headers.get("Content-Type", "")
    text = ""
    if "json" in kind:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        if isinstance(answer, dict):
            text = str(answer.get("error") or answer.get("message") or "")
    elif "html" not in kind:
        text = body[:_LONGEST].decode(errors="replace")
    return " ".join(text.split())[:_LONGEST]
