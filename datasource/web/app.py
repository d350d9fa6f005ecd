"""The Flask application: all doors, one error shape."""

import logging
import time
from pathlib import Path

from flask import Flask, Response, g, request, send_from_directory
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from datasource.evaluation import Clock
from datasource.panels import QueryError
from datasource.web import exposition, json_datasource, plain, writes
from datasource.web.render import error_response

log = logging.getLogger(__name__)

_PAGE = Path(__file__).parent / "page"
_MOST_BYTES = 4 * 1024 * 1024


def create_app(clock: Clock) -> Flask:
    """The application that serves a clock's snapshots."""
    app = Flask("datasource", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MOST_BYTES
    own, snapshots = CollectorRegistry(), CollectorRegistry()
    snapshots.register(exposition.SnapshotCollector(clock))
    counters = exposition.Counters(own)
    app.extensions["clock"] = clock
    app.extensions["registries"] = (own, snapshots)
    for module in (json_datasource, exposition, plain, writes):
        app.register_blueprint(module.routes)

    @app.get("/")
    def root() -> Response:
        """A page for a browser; a plain 200 for Grafana's "Save & test"."""
        if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
            return page("index.html")
        return Response("causal-datasource is working\n", mimetype="text/plain")

    @app.get("/page/<path:name>")
    def page(name: str) -> Response:
        """The page's style and script, which may talk to nobody but this service."""
        response = send_from_directory(_PAGE, name)
        response.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; form-action 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        endpoint = request.url_rule.rule if request.url_rule else "none"
        counters.requests.labels(endpoint, str(response.status_code)).inc()
        counters.seconds.labels(endpoint).observe(time.perf_counter() - g.get("began", time.perf_counter()))
        return response

    @app.errorhandler(QueryError)
    def bad_query(error: QueryError) -> Response:
        return error_response(400, str(error))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = error_response(error.code or 500, f"{error.name}: {request.method} {request.path}")
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("request failed: %s %s", request.method, request.path)
        return error_response(500, f"this should not happen: {type(error).__name__}: {error}; the log has the details")

    return app
