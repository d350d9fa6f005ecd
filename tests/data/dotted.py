"""A Prometheus 3 in memory, of two services whose metrics and labels have dots in their names."""

import re
import time

from serving import Answer, Asked, success

BASE = "http.server.request.duration"
METRICS = [f"{BASE}_count", f"{BASE}_sum"]
LABELS = {"service.name": ("web", "cart"), "http.response.status_code": ("200",)}


def prometheus(asked: Asked) -> Answer:
    """A Prometheus of two services that refuses every dotted name outside of quotes."""
    params = {key: values[0] for key, values in asked.params.items()}
    query = params.get("query", params.get("match[]", ""))
    if re.search(r"[a-z]\.[a-z]", re.sub(r'"[^"]*"', "", query)):
        return Answer(400, b'{"status": "error", "errorType": "bad_data", "error": "parse error: unexpected ."}')
    if asked.path.endswith("/values"):
        return success(METRICS)
    if asked.path.endswith("/labels"):
        return success(["__name__", *LABELS])
    services = LABELS["service.name"] if BASE in query else ()
    labels = [{"service.name": service, "http.response.status_code": "200"} for service in services]
    if asked.path.endswith("/query"):
        now = float(params.get("time", time.time()))
        if query.endswith("[10m]"):
            values = [[now - 15 * n, "1"] for n in range(40, 0, -1)]
            return success({"resultType": "matrix", "result": [{"metric": labels[0], "values": values}]})
        found = [{"metric": one, "value": [now, "4"]} for one in labels]
        return success({"resultType": "vector", "result": found})
    times = range(int(params["start"]), int(params["end"]) + 1, int(params["step"]))
    found = [{"metric": one, "values": [[t, str(10 + t % 7)] for t in times]} for one in labels]
    return success({"resultType": "matrix", "result": found})
