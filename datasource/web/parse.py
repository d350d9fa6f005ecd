"""Requests of Grafana's JSON datasource into queries, with all the shapes that its versions send."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from datasource.panels import Filter, Query, QueryError
from datasource.panels.query import shortened

_DEFAULT_RANGE = 3600.0
_MOST_TARGETS = 30
_MOST_POINTS = 11_000
_MOST_VALUES = 20_000
_DEEPEST = 8
_MILLISECONDS_FROM = 1e11  # as milliseconds March 1973, as seconds the year 5138


def body(request: Request) -> dict[str, Any]:
    """The JSON object a request carries; an empty body counts as {}. Raises QueryError, UnsupportedMediaType."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise UnsupportedMediaType(f"the request is encoded as '{shortened(coding)}'; send it as it is")
    raw = request.get_data()
    if not raw.strip():
        return {}
    try:
        data = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise QueryError(f"the request body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise QueryError("the request body is not a JSON object")
    return data


def queries(data: Mapping[str, Any], newest: float) -> list[Query]:
    """The targets of a /query request; hidden and empty ones are left out. Raises QueryError."""
    targets = data.get("targets") or []
    if not isinstance(targets, list):
        raise QueryError("'targets' is not a list")
    if len(targets) > _MOST_TARGETS:
        raise QueryError(f"{len(targets)} targets are too many for one request; {_MOST_TARGETS} are the most")
    start, end = time_range(data, newest)
    given = data.get("filters") or data.get("adhocFilters") or []
    shared = filters(given)
    most = data.get("maxDataPoints")
    most = int(min(most, _MOST_POINTS)) if isinstance(most, (int, float)) and most >= 1 else 1000
    found = []
    for target in targets:
        if not isinstance(target, dict) or target.get("hide") or not target.get("target"):
            continue
        sent = target.get("payload") or target.get("data")
        found.append(
            Query(
                panel=str(target["target"]),
                start=start,
                end=end,
                parameters=parameters(sent),
                max_points=most,
                filters=shared,
                ref_id=str(target.get("refId", "")),
            )
        )
    return found


def parameters(payload: Any) -> dict[str, tuple[str, ...]]:
    """Parameters of a target's payload: an object, its JSON text, or nothing ("" and invalid JSON included).

    Raises QueryError for values that are nested too deeply or too many.
    """
    if isinstance(payload, str):
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError:
            payload = {}
    if not isinstance(payload, dict):
        return {}
    return {str(name): tuple(islice(_values(value, _DEEPEST), _MOST_VALUES)) for name, value in payload.items()}


def _values(value: Any, deepest: int) -> Iterator[str]:
    """A value as texts: a list, a JSON list as text, Grafana's {a,b} and (a|b), or one value."""
    if deepest == 0:
        raise QueryError("a value of 'payload' is a list in a list in a list; write names, or one list of names")
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        with suppress(orjson.JSONDecodeError):
            value = orjson.loads(value)
    if isinstance(value, list):
        for one in value:
            yield from _values(one, deepest - 1)
    elif isinstance(value, dict):
        yield from _values(value.get("value", ""), deepest - 1)
    elif value is not None and value != "":
        text = str(value)
        if text.startswith("{") and text.endswith("}") and "," in text:
            yield from text[1:-1].split(",")
        else:
            yield text


def filters(sent: Any) -> tuple[Filter, ...]:
    """Ad hoc filters; unfinished ones (no key) are left out. Raises QueryError."""
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise QueryError("'filters' is not a list of {key, operator, value}")
    if len(sent) > _MOST_TARGETS:
        raise QueryError(f"{len(sent)} filters are too many; {_MOST_TARGETS} are the most")
    return tuple(
        Filter(str(one["key"]), str(one.get("operator", "=")), _filter_value(one)) for one in sent if one.get("key")
    )


def _filter_value(one: Mapping[str, Any]) -> str:
    several = one.get("values")
    if isinstance(several, list) and "|" in str(one.get("operator")):
        return ",".join(map(str, several))
    return str(one.get("value", ""))


def time_range(data: Mapping[str, Any], newest: float) -> tuple[float, float]:
    """Start and end in seconds; the last hour up to `newest` without a range. Raises QueryError."""
    sent = data.get("range")
    if not isinstance(sent, dict) or not sent.get("from") or not sent.get("to"):
        return newest - _DEFAULT_RANGE, newest
    start, end = time_of(sent["from"]), time_of(sent["to"])
    if end < start:
        raise QueryError("the range ends before it begins; send 'from' and 'to' in this order")
    return start, end


def time_of(value: Any) -> float:
    """Seconds of a time in ISO 8601, in epoch milliseconds, or, by its size, in seconds. Raises QueryError."""
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value).timestamp()
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise QueryError(f"'{shortened(str(value))}' is no time; send ISO 8601 or epoch milliseconds") from None
    return number if number < _MILLISECONDS_FROM else number / 1000
