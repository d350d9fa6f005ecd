"""GET /api/v1/series: results over time as plain rows, for scripts and for the Infinity data source."""

from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from datasource.panels import Query, QueryError
from datasource.panels.series import thin, wanted_variables
from datasource.service import OVER_TIME, Snapshot, variable_labels
from datasource.web.json_datasource import cached, clock, on_the_grid, waiting
from datasource.web.parse import parameters, time_of
from datasource.web.render import error_response, to_json

routes = Blueprint("series", __name__)

_MOST_ROWS = 50_000
_POINTS = 1000
_HOUR = 3600


@routes.get("/api/v1/series")
def series() -> Response:
    """A row for each variable and time: `?entity=`, `?signal=` and `?name=` choose; from `?from=`, or an hour before,
    to `?to=`, or the newest; at most `?points=` of a variable."""
    newest = clock().snapshot
    if newest is None:
        return error_response(503, waiting())
    if newest.mechanisms is None:
        return error_response(503, newest.warming_up or waiting())
    given = {name: request.args.getlist(name) for name in ("entity", "signal", "name")}
    end = time_of(request.args["to"]) if request.args.get("to") else newest.time
    start = time_of(request.args["from"]) if request.args.get("from") else end - _HOUR
    if end < start:
        raise QueryError("the time ends before it begins; send 'from' and 'to' in this order")
    points = request.args.get("points", str(_POINTS))
    if not points.isdecimal() or int(points[:9]) < 1:
        raise QueryError("'points' is no number above 0; it is how many points of a variable you want at most")
    query = on_the_grid(Query("series", start, end, parameters(given), max_points=int(points[:9])), newest)
    return cached(newest, query, lambda: to_json(_rows(query, newest)))


def _rows(query: Query, snapshot: Snapshot) -> list[dict[str, Any]]:
    """Raises QueryError where there would be too many."""
    names = query.wanted("name", [*OVER_TIME])
    variables = wanted_variables(query, snapshot)
    step = snapshot.matrix.step
    within = np.clip([query.start, query.end], snapshot.matrix.start, snapshot.time)
    most = len(variables) * min(int((within[1] - within[0]) // step) + 1, query.max_points)
    if most > _MOST_ROWS:
        raise QueryError(
            f"{len(variables)} variables have {most} rows in this time; {_MOST_ROWS} are the most: choose entities, "
            "signals, a shorter time or fewer points"
        )
    predicted = {
        marginal: {
            variable: (times, found)
            for variable, times, found in snapshot.predict_between(variables, query.start, query.end, marginal=marginal)
        }
        for marginal in {OVER_TIME[name][0] for name in names}
    }
    rows: list[dict[str, Any]] = []
    for variable in variables:
        found = {marginal: one[variable] for marginal, one in predicted.items() if variable in one}
        known = [name for name in names if OVER_TIME[name][0] in found]
        if not known:
            continue
        times = next(iter(found.values()))[0]
        columns = [
            ("max" if field == "score" else "mean", getattr(found[marginal][1], field))
            for marginal, field in (OVER_TIME[name] for name in known)
        ]
        shown, thinned = thin(times, columns, query.max_points)
        who = {"entity": str(variable.entity)} | variable_labels(variable)
        for time, *values in zip(shown.tolist(), *(column.tolist() for column in thinned), strict=True):
            rows.append({"time": time} | who | dict(zip(known, values, strict=True)))
    return rows
