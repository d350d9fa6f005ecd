"""A stand-in for Prometheus: the same HTTP API over samples in memory, for plain selectors only.

For machines that have no Prometheus. It answers what Prometheus answers, with one exception: `series`, `labels` and
label values over a part of the time see exactly the series with samples in it, where Prometheus goes by whole chunks
and blocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from flask import Flask, Response, request

from datasource.demo.samples import SampleStore, StoredSeries
from datasource.demo.selectors import LABEL, SelectorError, parse_selector
from datasource.demo.times import format_value, json_time, parse_duration, parse_time

MAX_POINTS = 11_000
EVER = (-(2**62), 2**62)


class BadDataError(ValueError):
    """The request is wrong: status 400, error type "bad_data"."""


def standin_app(store: SampleStore, refresh: Callable[[], object] = lambda: None) -> Flask:
    """The HTTP API over a store; `refresh` is called before every answer, to append what has happened since."""
    app = Flask(__name__, static_folder=None)
    app.before_request(lambda: (refresh(), None)[1])

    @app.errorhandler(BadDataError)
    def bad_data(error: BadDataError) -> Response:
        return _json({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)

    @app.get("/")
    @app.get("/-/ready")
    @app.get("/-/healthy")
    def ready() -> Response:
        return Response("The stand-in for Prometheus is ready.\n", mimetype="text/plain")

    @app.get("/api/v1/status/buildinfo")
    def build_info() -> Response:
        fields = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return _success({"version": "2.42.0", **dict.fromkeys(fields, "stand-in")})

    @app.route("/api/v1/query", methods=["GET", "POST"])
    def query() -> Response:
        instant = _time("time", round(time.time() * 1000))
        with store.lock:
            result = []
            for series in store.select(_selector(_parameter("query"), "query")):
                _, values = series.at(np.array([instant]))
                if len(values):
                    value = [json_time(instant), format_value(float(values[0]))]
                    result.append({"metric": series.labels, "value": value})
        return _success({"resultType": "vector", "result": result})

    @app.route("/api/v1/query_range", methods=["GET", "POST"])
    def query_range() -> Response:
        grid = _grid()
        with store.lock:
            result = []
            for series in store.select(_selector(_parameter("query"), "query")):
                times, values = series.at(grid)
                if len(values):
                    points = zip(map(json_time, times.tolist()), map(format_value, values.tolist()), strict=True)
                    result.append({"metric": series.labels, "values": list(points)})
        return _success({"resultType": "matrix", "result": result})

    @app.route("/api/v1/series", methods=["GET", "POST"])
    def series() -> Response:
        if not _parameters("match[]"):
            raise BadDataError("no match[] parameter provided")
        return _success([found.labels for found in _matched(store)])

    @app.route("/api/v1/labels", methods=["GET", "POST"])
    def labels() -> Response:
        return _success(sorted({label for found in _matched(store) for label in found.labels}))

    @app.get("/api/v1/label/<name>/values")
    def label_values(name: str) -> Response:
        if not LABEL.fullmatch(name):
            raise BadDataError(f'invalid label name: "{name}"')
        return _success(sorted({found.labels[name] for found in _matched(store) if name in found.labels}))

    return app


def _matched(store: SampleStore) -> list[StoredSeries]:
    start, end = _time("start", EVER[0]), _time("end", EVER[1])
    selectors = [_selector(text, "match[]") for text in _parameters("match[]")]
    with store.lock:
        found = store.select(lambda labels: not selectors or any(selector(labels) for selector in selectors))
        return [series for series in found if series.touches(start, end)]


def _grid() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The times (milliseconds) that a range query asks for."""
    start, end = _time("start"), _time("end")
    if end < start:
        raise BadDataError('invalid parameter "end": end timestamp must not be before start time')
    try:
        step = parse_duration(_parameter("step"))
    except ValueError as error:
        raise BadDataError(f'invalid parameter "step": {error}') from None
    if step <= 0:
        raise BadDataError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    if (end - start) * 1_000_000 // step > MAX_POINTS:
        raise BadDataError(
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return np.arange(start, end + 1, max(step // 1_000_000, 1), dtype=np.int64)


def _selector(text: str, parameter: str) -> Callable[[Any], bool]:
    try:
        return parse_selector(text).matches
    except SelectorError as error:
        raise BadDataError(
            f'invalid parameter "{parameter}": {error} (this is a stand-in for Prometheus, '
            "which answers plain selectors only)"
        ) from None


def _time(parameter: str, default: int | None = None) -> int:
    text = _parameter(parameter)
    if not text and default is not None:
        return default
    try:
        return parse_time(text)
    except ValueError as error:
        optional = "" if default is None else f"Invalid time value for '{parameter}': "
        raise BadDataError(f'invalid parameter "{parameter}": {optional}{error}') from None


def _parameters(name: str) -> list[str]:
    return request.form.getlist(name) + request.args.getlist(name)


def _parameter(name: str) -> str:
    return next(iter(_parameters(name)), "")


def _success(data: object) -> Response:
    return _json({"status": "success", "data": data})


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")
