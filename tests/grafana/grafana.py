"""Grafana's server as far as its front end asks it: bundle, dashboards, and queries that go on to the data sources."""

import math
import re
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, jsonify, request, send_from_directory

Json = dict[str, Any]

MIN_STEP = 15
"""Seconds: the scrape interval that the data source is told."""


def create_grafana(bundle: Path, icons: Path, dashboards: Path, prometheus: str, datasource: str) -> Flask:
    """The application, in front of a Prometheus and a causal-datasource; `bundle` is what build.mjs wrote."""
    app = Flask(__name__, static_folder=None)

    @app.get("/d/<uid>")
    def page(uid: str) -> Response:
        return send_from_directory(bundle, "index.html")

    @app.get("/dashboards/<path:name>")
    def dashboard(name: str) -> Response:
        (found,) = dashboards.glob(f"*/{name}")
        return send_from_directory(found.parent, found.name)

    @app.get("/public/build/<path:name>")
    def public(name: str) -> Response:
        return send_from_directory(icons, name)

    @app.get("/<path:name>")
    def bundled(name: str) -> Response:
        return send_from_directory(bundle, name)

    @app.post("/api/ds/query")
    def query() -> tuple[Response, int]:
        body = request.get_json()
        start, end = int(body["from"]) / 1000, int(body["to"]) / 1000
        results = {one["refId"]: _answer(prometheus, one, start, end) for one in body["queries"]}
        failed = any("error" in one for one in results.values())
        return jsonify({"results": results}), 400 if failed else 200

    @app.route("/api/datasources/uid/<uid>/resources/<path:path>", methods=["GET", "POST"])
    def resource(uid: str, path: str) -> Response:
        data = request.get_json(silent=True) or request.form.to_dict(flat=False)
        asked = requests.request(
            request.method,
            f"{prometheus}/{path}",
            params=request.args.to_dict(flat=False),
            data=data or None,
            timeout=20,
        )
        return Response(asked.content, asked.status_code, content_type="application/json")

    @app.post("/json/<path:path>")
    def plugin(path: str) -> Response:
        asked = requests.post(f"{datasource}/{path}", json=request.get_json(), timeout=60)
        return Response(asked.content, asked.status_code, content_type="application/json")

    return app


def _answer(prometheus: str, asked: Json, start: float, end: float) -> Json:
    """The frames of one query, as the data source's backend makes them."""
    step = _step(asked, start, end)
    expr = _filled_in(asked["expr"], step, end - start)
    if asked.get("range") or not asked.get("instant"):
        path, params = "query_range", {"start": start - start % step, "end": end - end % step, "step": step}
    else:
        path, params = "query", {"time": end}
    answer = requests.post(f"{prometheus}/api/v1/{path}", data={"query": expr, **params}, timeout=30).json()
    if answer["status"] != "success":
        return {"error": f"{answer['error']} in {expr}", "status": 400, "frames": []}
    return {"status": 200, "frames": _frames(answer["data"], asked, expr, step)}


def _step(asked: Json, start: float, end: float) -> int:
    wanted = (end - start) / (asked.get("maxDataPoints") or 1000)
    least = _seconds(asked.get("interval") or "") or MIN_STEP
    return next(one for one in (15, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200) if one >= max(wanted, least))


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smh])", text)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0


def _filled_in(expr: str, step: int, seconds: float) -> str:
    values = {
        "__rate_interval": f"{max(step + MIN_STEP, 4 * MIN_STEP)}s",
        "__interval_ms": f"{step * 1000}",
        "__interval": f"{step}s",
        "__range_s": f"{seconds:.0f}",
        "__range_ms": f"{seconds * 1000:.0f}",
        "__range": f"{seconds:.0f}s",
    }
    return re.sub(r"\$\{?(__\w+)\}?", lambda found: values.get(found[1], found[0]), expr)


def _frames(data: Json, asked: Json, expr: str, step: int) -> list[Json]:
    kind = data["resultType"]
    results = data["result"] if kind in ("matrix", "vector") else [{"metric": {}, "value": data["result"]}]
    meta = {
        "type": "timeseries-multi",
        "typeVersion": [0, 1],
        "custom": {"resultType": kind},
        "executedQueryString": f"Expr: {expr}\nStep: {step}s",
    }
    return [_frame(one, asked, meta, step) for one in results] or [
        {"schema": {"refId": asked["refId"], "meta": meta, "fields": []}, "data": {"values": []}}
    ]


def _frame(result: Json, asked: Json, meta: Json, step: int) -> Json:
    labels = result["metric"]
    points = result.get("values") or [result["value"]]
    legend = _legend(asked.get("legendFormat") or "", labels, asked["expr"])
    values = [float(value) for _, value in points]
    return {
        "schema": {
            "refId": asked["refId"],
            "name": legend or None,
            "meta": meta,
            "fields": [
                {
                    "name": "Time",
                    "type": "time",
                    "typeInfo": {"frame": "time.Time"},
                    "config": {"interval": step * 1000},
                },
                {
                    "name": "Value",
                    "type": "number",
                    "typeInfo": {"frame": "float64"},
                    "labels": labels,
                    "config": {"displayNameFromDS": legend} if legend else {},
                },
            ],
        },
        "data": {
            "values": [
                [float(time) * 1000 for time, _ in points],
                [value if math.isfinite(value) else None for value in values],
            ]
        },
    }


def _legend(pattern: str, labels: Json, expr: str) -> str:
    if pattern in ("", "__auto"):
        return "" if labels else expr
    return re.sub(r"\{\{\s*(.+?)\s*\}\}", lambda found: labels.get(found[1], ""), pattern)
