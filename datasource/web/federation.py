"""Sums over the snapshot's points for other installations, which join them with theirs (docs/federation.md)."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from datasource.federation import SumsError, offer, told_sums
from datasource.panels import QueryError
from datasource.service import Snapshot
from datasource.web.json_datasource import cached, clock, waiting
from datasource.web.render import error_response, to_json

routes = Blueprint("federation", __name__)


@routes.get("/api/v1/federation")
def offered() -> Response:
    """Which columns sums are told of."""
    return _told("offer", lambda newest: offer(newest.matrix, newest.settings))


@routes.get("/api/v1/federation/sums")
def sums() -> Response:
    """The sums over the columns `?column=`, whitened by `?whitening=`."""
    columns = request.args.getlist("column")
    try:
        whitening = [float(one) for one in request.args.getlist("whitening")]
    except ValueError:
        raise QueryError("whitening is no number; send coefficients, as ?whitening=0.5&whitening=0.1") from None
    return _told((columns, whitening), lambda newest: told_sums(newest.matrix, newest.settings, columns, whitening))


def _told(question: object, compute: Callable[[Snapshot], dict[str, Any]]) -> Response:
    newest = clock().snapshot
    if newest is None:
        return error_response(503, waiting())
    if newest.settings.federation is None:
        return error_response(404, _OFF)
    try:
        return cached(newest, ("federation", question), lambda: to_json(compute(newest)))
    except SumsError as error:
        raise QueryError(str(error)) from None


_OFF = "this installation tells no sums; turn it on in its settings, as federation: {name: eu}"
