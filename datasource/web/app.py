"""The Flask application: all doors, one error shape."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from html import escape
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask, Response, g, request, send_from_directory
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType

from datasource.panels import QueryError
from datasource.panels.query import shortened
from datasource.service import Served
from datasource.service.asked_effects import AskedEffects
from datasource.service.explaining import Explaining, HurriedClient
from datasource.service.logs import request_id
from datasource.service.served import NotTakenError
from datasource.service.tracing import span
from datasource.settings.web import Scope
from datasource.web import (
    explain,
    exposition,
    federation,
    interventions,
    json_datasource,
    plain,
    remote_read,
    series,
    writes,
)
from datasource.web.access import OPEN, Access
from datasource.web.answers import SHORTEST, Answers, compressed
from datasource.web.render import MOST_BODY, error_response, secured

log = logging.getLogger(__name__)

_SCOPES: Mapping[str, Scope] = {
    writes.routes.name: "write",
    interventions.writes.name: "write",
    federation.routes.name: "sums",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Those of clients that look like one are taken over."""
_PAGE = Path(__file__).parent / "page"


def create_app(clock: Served, *, loopback: bool = False) -> Flask:
    """The application that serves the newest snapshots. One that listens on `loopback` answers to no other name: pages
    of strangers, whose name a browser was made to resolve to this machine, get nothing."""
    app = Flask("datasource", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY
    registry = CollectorRegistry()
    counters = exposition.Counters(registry)
    registry.register(exposition.HealthCollector(clock))
    app.extensions["clock"] = clock
    app.extensions["registry"] = registry
    app.extensions["answers"] = Answers()
    app.extensions["explaining"] = Explaining(lambda end: HurriedClient(clock.settings.prometheus, end))
    app.extensions["asked_effects"] = AskedEffects()
    app.extensions["refused"] = lambda status: counters.requests.labels("none", str(status)).inc()
    routed = (json_datasource, exposition, plain, series, interventions, remote_read, writes, explain, federation)
    for module in routed:
        app.register_blueprint(module.routes)
    app.register_blueprint(interventions.writes)

    @app.get("/")
    def root() -> Response:
        """A page for a browser; a plain 200 for Grafana's "Save & test"."""
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return _for_the_page_only(Response(_index(clock), mimetype="text/html"))
        return Response("causal-datasource is working\n", mimetype="text/plain")

    @app.get("/page/<path:name>")
    def page(name: str) -> Response:
        """The page's style and script, which may talk to nobody but this service."""
        return _for_the_page_only(send_from_directory(_PAGE, name))

    @app.before_request
    def begin() -> Response | None:
        g.began = time.perf_counter()
        asked = request.headers.get("X-Request-Id", "")
        request_id.set(asked if _REQUEST_ID.fullmatch(asked) else uuid4().hex[:16])
        if loopback and not is_loopback(request.headers.get("Host", "localhost")):
            return error_response(421, _ELSEWHERE)
        if request.path in OPEN:
            return None
        access = Access(clock.settings)
        found = access.admit(request, _SCOPES.get(request.blueprint or "", "read"))
        if isinstance(found, Response):
            return found
        g.visitor = found
        return None

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        request_id.set("")

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.url_rule.rule if request.url_rule else "none"
        took = time.perf_counter() - g.get("began", time.perf_counter())
        counters.requests.labels(endpoint, str(response.status_code)).inc()
        counters.seconds.labels(endpoint).observe(took)
        response.headers["X-Request-Id"] = request_id.get()
        fields = {"method": request.method, "path": request.path, "status": response.status_code, "seconds": took}
        level = logging.WARNING if response.status_code >= 500 and request.path not in OPEN else logging.DEBUG
        log.log(
            level, "%s %r answered %d", request.method, request.path[:200], fields["status"], extra={"fields": fields}
        )
        return secured(_encoded(response))

    @app.errorhandler(QueryError)
    def bad_query(error: QueryError) -> Response:
        return error_response(400, str(error))

    @app.errorhandler(NotTakenError)
    def not_taken(error: NotTakenError) -> Response:
        return error_response(503, str(error))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if error.code == 413:
            return error_response(
                413, f"the request is longer than {MOST_BODY // 1024 // 1024} MiB; ask for less at once"
            )
        if isinstance(error, UnsupportedMediaType) and error.description:
            return error_response(415, error.description)
        response = error_response(error.code or 500, f"{error.name}: {request.method} {shortened(request.path)}")
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("request failed: %s %r", request.method, request.path)
        return error_response(
            500,
            f"this should not happen: {type(error).__name__}: {error}; the log has the details under the request id "
            f"{request_id.get()}",
        )

    app.wsgi_app = _Traced(app.wsgi_app)  # type: ignore[method-assign]
    return app


class _Traced:
    """An application whose every request is a span, where something is traced; part of the client's trace, if it has
    one."""

    def __init__(self, app: Callable[[dict[str, Any], Any], Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        facts = {"http.request.method": method, "url.path": path[:200]}
        with span(f"{method} {path[:200]}", facts, environ.get("HTTP_TRACEPARENT", "")):
            return self._app(environ, start_response)


def _index(clock: Served) -> str:
    """The page, which is told where Grafana is."""
    url = clock.settings.web.grafana_url
    text = (_PAGE / "index.html").read_text(encoding="utf-8")
    return text.replace('<meta name="grafana" content="">', f'<meta name="grafana" content="{escape(url)}">')


def _for_the_page_only(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return response


def _encoded(response: Response) -> Response:
    """The same answer, compressed where that pays and the client can read it; to whoever has it already, only that."""
    if response.status_code != 200 or request.method not in ("GET", "HEAD", "POST"):
        return response
    if not response.content_encoding:
        response.direct_passthrough = False
        plain = response.get_data()
        if len(plain) > SHORTEST:
            response.vary.add("Accept-Encoding")
            if request.accept_encodings["gzip"] > 0:
                response.set_data(compressed(plain))
                response.content_encoding = "gzip"
    if request.method == "GET" and request.path != "/metrics":
        response.add_etag(weak=True)
        response.make_conditional(request)
    return response


def is_loopback(host: str) -> bool:
    """Whether host or host:port is this machine as only it calls itself.

    >>> [is_loopback(host) for host in ("localhost:8321", "127.0.0.1", "[::1]:8321", "127.0.0.1.nip.io")]
    [True, True, True, False]
    """
    name = host[1 : host.find("]")] if host.startswith("[") else host.rpartition(":")[0] or host
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


_ELSEWHERE = (
    "this service listens on loopback and answers to localhost and 127.0.0.1 only; let the proxy before it send one of "
    "these as Host, or choose another --listen"
)
