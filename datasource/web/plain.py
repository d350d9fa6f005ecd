"""Plain JSON for scripts, CI jobs and the Infinity datasource, and the health checks."""

from dataclasses import asdict
from functools import cache
from math import inf
from pathlib import Path

import yaml
from flask import Blueprint, Response, request

from datasource.panels import Query
from datasource.panels.incidents import chosen
from datasource.service import incident_json, snapshot_json
from datasource.service.graph_rows import graph_json, version_json
from datasource.web.access import Access
from datasource.web.json_datasource import cached, clock, waiting
from datasource.web.parse import parameters, time_of
from datasource.web.render import error_response, json_response, to_json

routes = Blueprint("plain", __name__)


@routes.get("/healthz")
def healthz() -> Response:
    """The process is alive."""
    return json_response({"status": "ok"})


@routes.get("/readyz")
def readyz() -> Response:
    """Everything configured has been evaluated, and lately."""
    missing = clock().ready()
    if not Access(clock().settings).reading_is_open:
        status = 503 if missing else 200
        return json_response({"status": "not ready" if missing else "ready"}, status)
    if missing:
        return error_response(503, missing)
    snapshot = clock().snapshot
    return json_response({"status": "ready", "warming_up": snapshot.warming_up if snapshot else ""})


@routes.get("/api/v1/snapshot")
def snapshot() -> Response:
    """The newest snapshot as rows; `?name=causal_effect` picks metrics by name."""
    newest, health = clock().snapshot, clock().health
    if newest is None:
        return error_response(503, waiting())
    names, more = sorted(set(request.args.getlist("name"))), asdict(health) | {"stale": clock().stale()}
    return cached(
        newest, (names, more), lambda: to_json(snapshot_json(newest, health.error, set(names)) | {"health": more})
    )


@routes.get("/api/v1/incidents")
def incidents() -> Response:
    """Incidents as rows, the newest first; `?state=open`, `?entity=`, `?from=` and `?to=` leave some out."""
    newest = clock().snapshot
    if newest is None:
        return error_response(503, waiting())
    start, end = (time_of(request.args[name]) if request.args.get(name) else at for name, at in _ALWAYS.items())
    query = Query(
        "incidents", start, end, parameters({name: request.args.getlist(name) for name in ("state", "entity")})
    )
    return cached(
        newest, query, lambda: to_json([incident_json(incident, newest) for incident in chosen(query, newest)])
    )


@routes.get("/api/v1/graph")
def graph() -> Response:
    """The live causal graph: each edge with its evidence, what data say against it, propose, and what is refused."""
    newest = clock().snapshot
    if newest is None:
        return error_response(503, waiting())
    return cached(newest, "graph", lambda: to_json(graph_json(newest)))


@routes.get("/api/v1/graph/versions")
def graph_versions() -> Response:
    """The newest versions of the causal graph, the last one first: when, by whom, why, and what changed."""
    newest = clock().snapshot
    if newest is None:
        return error_response(503, waiting())
    return cached(newest, "graph versions", lambda: to_json([version_json(one) for one in newest.history.versions]))


_ALWAYS = {"from": -inf, "to": inf}


@cache
def described() -> bytes:
    """The doors, in OpenAPI's words."""
    return to_json(yaml.safe_load(Path(__file__).with_name("openapi.yaml").read_text(encoding="utf-8")))


@routes.get("/api/v1/openapi.json")
def openapi() -> Response:
    """What may be asked and what is answered, for machines that ask."""
    return Response(described(), mimetype="application/json")
