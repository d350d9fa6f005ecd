"""Stand-ins for Loki, VictoriaLogs and Tempo, which answer as their documents say: two services, one of which begins to
fail, with an error code, and to be slow."""

import re
from datetime import datetime

import numpy as np
import orjson

from datasource.data.matrix import Floats

SERVICES = ("web", "cart")
STEP = 30
POINTS = 260
BROKEN = POINTS - 12
"""The point from which on cart fails."""
END = (POINTS - 1) * STEP


def lines(service: str) -> Floats:
    """Lines of each step."""
    return _load(service) * 3


def requests(service: str) -> Floats:
    return _load(service)


def errors(service: str) -> Floats:
    rng = np.random.default_rng([7, SERVICES.index(service)])
    found = rng.poisson(1.5, POINTS).astype(float)
    if service == "cart":
        found[BROKEN:] += rng.poisson(40, POINTS - BROKEN)
    return found


def latency(service: str) -> Floats:
    rng = np.random.default_rng([8, SERVICES.index(service)])
    found = 0.1 + rng.normal(0, 0.004, POINTS)
    if service == "cart":
        found[BROKEN:] += 0.2
    return found


def _load(service: str) -> Floats:
    rng = np.random.default_rng([9, SERVICES.index(service)])
    return rng.poisson(100 + 20 * np.sin(np.arange(POINTS) / 25)).astype(float)


def answer_loki(asked):
    """`query_range` of metric queries, `label/<name>/values` and `patterns`."""
    from serving import Answer, success

    assert asked.path.startswith("/loki/api/v1/")
    if asked.path.endswith("/values"):
        return success(list(SERVICES))
    start, end = (_seconds(asked.params[name][0]) for name in ("start", "end"))
    query = asked.params["query"][0]
    if asked.path.endswith("/patterns"):
        (service,) = re.findall(r'service_name="(\w+)"', query)
        found = [("User <_> logged in", lines(service)), ("payment <_> refused", errors(service))]
        data = [{"pattern": name, "samples": [[t, int(v)] for t, v in _points(row, start, end)]} for name, row in found]
        return success(data)
    if '=~".+"' not in query and "kubernetes_events" not in query:
        return Answer(400, b"parse error : queries require at least one regexp or equality matcher")
    (window,) = set(re.findall(r"\[(\d+\w)\]", query))
    assert window == "30s"
    by = re.findall(r"sum by \((.*?)\)", query)[0].split(", ")
    bad = "error|critical" in query
    result = []
    for service in SERVICES:
        row = errors(service) if bad or "kubernetes_events" in query else lines(service)
        metric = dict(zip(by, (*(("shop",) if "namespace" in by else ()), service, "E42"), strict=False))
        per = 1 if "count_over_time" in query else STEP
        shown = _points(row, start, end)
        if bad and " or 0 * " not in query:
            shown = [(t, v) for t, v in shown if v]
        result.append({"metric": metric, "values": [[t, repr(v / per)] for t, v in shown]})
    return success({"resultType": "matrix", "result": result, "stats": {}})


def answer_victorialogs(asked):
    """`stats_query_range`: buckets are named by their beginning, and end with the second `end`."""
    from serving import success

    assert asked.path == "/select/logsql/stats_query_range"
    assert asked.params["step"] == [f"{STEP}s"]
    start, end = (_seconds(asked.params[name][0]) for name in ("start", "end"))
    assert (end + 1) % STEP == 0, "a bucket is cut"
    query = asked.params["query"][0]
    (name,) = re.findall(r"\) (\w+)$", query)
    by = [one.strip('" ') for one in re.findall(r"stats by \((.*?)\)", query)[0].split(",")]
    result = []
    for service in SERVICES:
        row = errors(service) if "error|critical" in query else lines(service)
        metric = {"__name__": name} | dict(zip(by, (service, "E42"), strict=False))
        # what was logged up to a point belongs to the bucket that began a step before
        shown = [[t - STEP, str(int(v))] for t, v in _points(row, start + STEP, end + 1) if v]
        result.append({"metric": metric, "values": shown})
    return success({"resultType": "matrix", "result": result})


def answer_tempo(asked):
    """TraceQL metrics: three hours at most, zeros left out, long numbers as texts."""
    from serving import Answer

    assert asked.path == "/api/metrics/query_range"
    start, end = (int(asked.params[name][0]) for name in ("start", "end"))
    if end - start > 3 * 3600:
        return Answer(400, b"range specified by start and end exceeds 3h0m0s")
    query = asked.params["q"][0]
    if "|" not in query:
        return Answer(400, b"invalid TraceQL metrics query: expected a metrics function")
    kind = latency if "avg_over_time" in query else errors if "status = error" in query else requests
    (by,) = re.findall(r"by \((.*?)\)", query)
    series = [
        {
            "labels": [
                {"key": by, "value": {"stringValue": service}},
            ],
            "promLabels": f'{{"{by}"="{service}"}}',
            "samples": [
                {"timestampMs": str(t * 1000)} | ({"value": v} if v else {})
                for t, v in _points(kind(service), start, end)
            ],
        }
        for service in SERVICES
    ]
    nobody = {
        "labels": [{"key": by, "value": {"stringValue": "<nil>"}}],
        "samples": [{"timestampMs": str(start * 1000)}],
    }
    return Answer(200, orjson.dumps({"series": [*series, nobody], "metrics": {"inspectedBytes": "1"}}))


def _points(row: Floats, start: int, end: int) -> list[tuple[int, float]]:
    first, last = max(0, -(-start // STEP)), min(POINTS - 1, end // STEP)
    return [(column * STEP, float(row[column])) for column in range(first, last + 1)]


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) if "T" in text else int(text)
