"""Which label values carry a change of a PromQL query: asked of Prometheus for whoever asks, with patience for some
seconds."""

from dataclasses import replace

from flask import Blueprint, Response, current_app, request

from datasource.attribution.syntax import QueryError as CannotExplain
from datasource.attribution.telling import document
from datasource.panels import Query, QueryError
from datasource.panels.explain import PANEL, change_question
from datasource.prometheus import PrometheusError
from datasource.service.explaining import Explaining
from datasource.service.later import NotYetError
from datasource.web.render import error_response, json_response

routes = Blueprint("explain", __name__)

_PARAMETERS = ("query", "from", "to", "over", "depth")
_HOUR = 3600
_MOST_QUESTIONS = 4
"""Of one request: each may be waited for."""


@routes.get("/api/v1/explain")
def explain() -> Response:
    """The whole answer as JSON, as `causal-datasource explain --json` prints it; 503 while it is being computed."""
    newest = _newest()
    given = {name: (request.args[name],) for name in _PARAMETERS if request.args.get(name)}
    query = Query(PANEL.name, newest - _HOUR, newest, given)
    question = change_question(query, newest)
    if question is None:
        raise QueryError("there is no query; send one, as ?query=sum(rate(errors_total[5m]))&from=-1h")
    try:
        return json_response(document(_explaining().ask(question)))
    except NotYetError as error:
        return error_response(503, str(error))
    except CannotExplain as error:
        raise QueryError(str(error)) from None
    except PrometheusError as error:
        return error_response(400 if error.kind == "bad_query" else 502, str(error))


def explained(queries: list[Query]) -> list[Query]:
    """The same targets; those of the panel with their answer, or why there is none. Raises QueryError."""
    if sum(one.panel == PANEL.name for one in queries) > _MOST_QUESTIONS:
        raise QueryError(f"more than {_MOST_QUESTIONS} targets explain changes; ask for fewer at once")
    return [_explained(one) if one.panel == PANEL.name else one for one in queries]


def _explained(one: Query) -> Query:
    try:
        question = change_question(one, _newest())
        return one if question is None else replace(one, explained=_explaining().ask(question))
    except (NotYetError, QueryError, CannotExplain, PrometheusError) as error:
        return replace(one, unexplained=str(error))


def _newest() -> float:
    return float(current_app.extensions["clock"].newest())


def _explaining() -> Explaining:
    found: Explaining = current_app.extensions["explaining"]
    return found
