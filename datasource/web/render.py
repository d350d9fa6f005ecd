"""Frames and errors as the JSON that Grafana reads."""

from typing import Any

import numpy as np
import orjson
from flask import Response, request

from datasource.panels import Field, Frame
from datasource.service.logs import request_id
from datasource.web.answers import Body

MOST_BODY = 4 * 1024 * 1024
"""Bytes of a request."""

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
_LATER = "5"
"""Seconds."""


def secured(response: Response) -> Response:
    """The same answer, with the headers that keep browsers from using it in ways nobody wants, and what cannot be
    answered now with when to ask again."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == 503:
        response.headers.setdefault("Retry-After", _LATER)
    return response


def to_json(data: Any) -> bytes:
    """Data as JSON; NaN and infinities become null."""
    return orjson.dumps(data, option=_OPTIONS)


def json_response(data: Any, status: int = 200) -> Response:
    """An answer of JSON."""
    return Response(to_json(data), status, mimetype="application/json")


def body_response(one: Body, content_type: str = "application/json") -> Response:
    """A body in the form that the client takes."""
    response = Response(one.plain, content_type=content_type)
    if one.gzipped:
        response.vary.add("Accept-Encoding")
        if request.accept_encodings["gzip"] > 0:
            response.set_data(one.gzipped)
            response.content_encoding = "gzip"
    return response


def error_response(status: int, message: str, **more: str) -> Response:
    """An error in the shape in which both panels and "Save & test" show its message, and `more` for scripts; with the
    id of the request, which the log names too."""
    asked = {"request_id": request_id.get()} if request_id.get() else {}
    error = {"code": str(status), "message": message}
    return json_response({"message": message, "error": error, **asked, **more}, status)


def frame_json(frame: Frame, ref_id: str) -> dict[str, Any]:
    """A frame in the form with fields. No `length`: with it Grafana would lose every field's config."""
    meta = dict(frame.meta)
    told = [("warning", frame.doubt)] * bool(frame.doubt) + [("info", notice) for notice in frame.notices]
    if told:
        meta["notices"] = [{"severity": severity, "text": text} for severity, text in told]
    return {"name": frame.name, "refId": ref_id, "meta": meta, "fields": [_field_json(one) for one in frame.fields]}


def _field_json(field: Field) -> dict[str, Any]:
    values = field.values
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values)
    rendered: dict[str, Any] = {"name": field.name, "type": field.type, "values": values, "config": dict(field.config)}
    if field.labels:
        rendered["labels"] = dict(field.labels)
    return rendered
