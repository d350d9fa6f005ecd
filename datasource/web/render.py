"""Frames and errors as the JSON that Grafana reads."""

from typing import Any

import numpy as np
import orjson
from flask import Response

from datasource.panels import Field, Frame

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def json_response(data: Any, status: int = 200) -> Response:
    """Data as JSON; NaN and infinities become null."""
    return Response(orjson.dumps(data, option=_OPTIONS), status, mimetype="application/json")


def error_response(status: int, message: str, **more: str) -> Response:
    """An error in the shape in which both panels and "Save & test" show its message, and `more` for scripts."""
    return json_response({"message": message, "error": {"code": str(status), "message": message}, **more}, status)


def frame_json(frame: Frame, ref_id: str) -> dict[str, Any]:
    """A frame in the form with fields. No `length`: with it Grafana would lose every field's config."""
    meta = dict(frame.meta)
    if frame.notices:
        meta["notices"] = [{"severity": "info", "text": notice} for notice in frame.notices]
    return {"name": frame.name, "refId": ref_id, "meta": meta, "fields": [_field_json(one) for one in frame.fields]}


def _field_json(field: Field) -> dict[str, Any]:
    values = field.values
    if isinstance(values, np.ndarray):
        values = np.ascontiguousarray(values)
    rendered: dict[str, Any] = {"name": field.name, "type": field.type, "values": values, "config": dict(field.config)}
    if field.labels:
        rendered["labels"] = dict(field.labels)
    return rendered
