"""What may be written: what people say of an incident. Whoever writes shows a token."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from datasource.incidents import MARKS, Incident
from datasource.panels import QueryError
from datasource.web.json_datasource import clock, waiting
from datasource.web.parse import body
from datasource.web.render import error_response, json_response

log = logging.getLogger(__name__)

routes = Blueprint("writes", __name__)

_MOST_BYTES = 16 * 1024
_LONGEST = {"by": 100, "reason": 500, "into": 200}


@routes.post(f"/api/v1/incidents/<name>/<any({', '.join(MARKS)}):action>")
def marked_by_address(name: str, action: str) -> Response:
    """Say something of an incident, from the next evaluation on; the body may say `by` whom and for which `reason`, and
    says what it is to be merged `into`."""
    said = _body()
    return said if isinstance(said, Response) else _mark(name, MARKS[action], said)


@routes.post("/api/v1/incidents/<id>/mark")
def mark(id: str) -> Response:
    """The same, where the body says as which `kind`, as a row of an incident has it."""
    said = _body()
    if isinstance(said, Response):
        return said
    kinds = [*MARKS.values()]
    kind = said.pop("kind", "")
    if kind not in kinds:
        what = "say what it is" if kind == "" else f"there is no kind {json.dumps(kind)[:100]}"
        raise QueryError(f'{what}, as {{"kind": "dismissed"}}; kinds are {", ".join(kinds)}')
    return _mark(id, kind, said)


def _body() -> dict[str, Any] | Response:
    """What was sent, or the answer that it is too long."""
    request.max_content_length = _MOST_BYTES
    try:
        return dict(body(request))
    except RequestEntityTooLarge:
        return error_response(413, f"the body is longer than {_MOST_BYTES // 1024} KiB; send a shorter reason")


def _mark(name: str, kind: str, said: Mapping[str, Any]) -> Response:
    keys = ("by", "reason", "into") if kind == "merged" else ("by", "reason")
    if unknown := sorted(said.keys() - set(keys)):
        raise QueryError(f"there is no '{unknown[0]}'; the body may have {', '.join(keys[:-1])} and {keys[-1]}")
    told = {key: _text(said, key) for key in keys}
    into = told.get("into")
    if into == "":
        raise QueryError('say which incident it belongs to, as {"into": "<id>"}')
    snapshot = clock().snapshot
    if snapshot is None:
        return error_response(503, waiting())
    incidents = {incident.id: incident for incident in snapshot.incidents}
    incident = incidents.get(name)
    if incident is None:
        return error_response(404, f"there is no incident '{name[:200]}'; /api/v1/incidents lists those that are known")
    if incident.is_so(kind, into):
        marks = {"accepted": incident.accepted, "mark": incident.mark}
        rows = {key: one._asdict() if one else None for key, one in marks.items()}
        message = "it is over already" if kind == "closed" else f"it was {kind} already"
        return json_response({"incident": name, **rows, "message": message})
    if incident.merged_into:
        return _merged(incident, incidents)
    if into is not None:
        other = incidents.get(into)
        if other is None or other is incident:
            why = "it cannot be merged into itself" if other else f"there is no incident '{into}' to merge it into"
            return error_response(409, f"{why}; /api/v1/incidents lists those that are known")
        if other.merged_into:
            return _merged(other, incidents)
    clock().mark(kind, name, **told)
    log.info("incident %s is marked as %s with the token '%s': %r", name, kind, g.visitor.name, told)
    message = f"it will be {kind} with the next evaluation"
    if kind == "accepted":
        message += ", and end with the first fit that knows its level"
    return json_response({"incident": name, **told, "message": message}, 202)


def _text(said: Mapping[str, Any], key: str) -> str:
    """A text in one line. Raises QueryError."""
    value = said.get(key) or ""
    if not isinstance(value, str):
        raise QueryError(f"'{key}' is not a text; put it in quotes")
    text = " ".join(value.split())
    if len(text) > _LONGEST[key]:
        raise QueryError(f"'{key}' has {len(text)} characters; {_LONGEST[key]} are the most")
    return "".join(letter for letter in text if letter.isprintable())


def _merged(incident: Incident, incidents: Mapping[str, Incident]) -> Response:
    """Which incident lives on."""
    seen = {incident.id}
    name = incident.merged_into
    while name in incidents and incidents[name].merged_into and name not in seen:
        seen.add(name)
        name = incidents[name].merged_into
    text = f"incident {incident.id} is part of {name}; name that one"
    return error_response(409, text, merged_into=name)
