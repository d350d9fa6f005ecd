"""What may be written: an incident is accepted as the new normal. Whoever writes shows a token."""

import hmac
import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from datasource.anomaly import Incident
from datasource.panels import QueryError
from datasource.telemetry import PrometheusError
from datasource.telemetry.http.secrets import read_secret
from datasource.web.json_datasource import clock, waiting
from datasource.web.parse import body
from datasource.web.render import error_response, json_response

log = logging.getLogger(__name__)

routes = Blueprint("writes", __name__)

_MOST_BYTES = 16 * 1024
_LONGEST = {"by": 100, "reason": 500}
_CLOSED = (
    "this service takes no writes; name a file with a token in its settings, as writes: {token_file: "
    "/run/secrets/causal-token}, and restart it"
)


@routes.post("/api/v1/incidents/<name>/accept")
def accept(name: str) -> Response:
    """What an incident brought is the new normal, from the next evaluation on; the body may say `by` whom and for
    which `reason`."""
    refused = _refused()
    if refused is not None:
        return refused
    request.max_content_length = _MOST_BYTES
    try:
        said = body(request)
    except RequestEntityTooLarge:
        return error_response(413, f"the body is longer than {_MOST_BYTES // 1024} KiB; send a shorter reason")
    by, reason = (_text(said, key) for key in _LONGEST)
    if unknown := sorted(said.keys() - _LONGEST):
        raise QueryError(f"there is no '{unknown[0]}'; the body may have {' and '.join(_LONGEST)}")
    snapshot = clock().snapshot
    if snapshot is None:
        return error_response(503, waiting())
    incidents = {incident.id: incident for incident in snapshot.incidents}
    incident = incidents.get(name)
    if incident is None:
        return error_response(404, f"there is no incident '{name[:200]}'; /api/v1/incidents lists those that are known")
    if incident.merged_into:
        survivor = _survivor(incident, incidents)
        text = f"incident {name} turned out to be part of {survivor}; accept that one"
        return error_response(409, text, merged_into=survivor)
    if incident.accepted is not None:
        told = {"incident": name, "accepted": incident.accepted._asdict(), "message": "it was accepted already"}
        return json_response(told)
    clock().accept(name, by, reason)
    log.info("incident %s is accepted as the new normal by %r: %r", name, by, reason)
    return json_response({"incident": name, "by": by, "reason": reason, "message": _MESSAGE}, 202)


_MESSAGE = "it will be accepted with the next evaluation, and end with the first fit that knows its level"


def _refused() -> Response | None:
    """Why this request may not write; None where it may."""
    settings = clock().evaluator.settings.writes
    if settings is None:
        return error_response(403, _CLOSED)
    try:
        token = read_secret(None, settings.token_file, "writes.token_file")
    except PrometheusError as error:
        log.warning("nobody may write: %s", error)
        return error_response(403, "the file of writes.token_file cannot be used; the service's log says why")
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode("latin-1"), token.encode()):
        return None
    what = "this is not the token" if shown else "no token"
    refusal = error_response(401, f"{what}; send the one in writes.token_file as 'Authorization: Bearer ...'")
    refusal.headers["WWW-Authenticate"] = "Bearer"
    return refusal


def _text(said: Mapping[str, Any], key: str) -> str:
    """A text in one line. Raises QueryError."""
    value = said.get(key) or ""
    if not isinstance(value, str):
        raise QueryError(f"'{key}' is not a text; put it in quotes")
    text = " ".join(value.split())
    if len(text) > _LONGEST[key]:
        raise QueryError(f"'{key}' has {len(text)} characters; {_LONGEST[key]} are the most")
    return "".join(letter for letter in text if letter.isprintable())


def _survivor(incident: Incident, incidents: Mapping[str, Incident]) -> str:
    """The id of the incident that lives on."""
    seen = {incident.id}
    name = incident.merged_into
    while name in incidents and incidents[name].merged_into and name not in seen:
        seen.add(name)
        name = incidents[name].merged_into
    return name
