"""Jaeger's dependency API: `GET /api/dependencies` -> `{"data": [{parent, child, callCount}]}`."""

from datasource.settings import Source
from datasource.topology.dependencies import get_json, sightings
from datasource.topology.sighting import Sighting, SourceError, Span


def read_jaeger(source: Source, block: str, span: Span) -> list[Sighting]:
    """Every pair that Jaeger saw in the span. Raises SourceError, PrometheusError."""
    url = f"{source.url}/api/dependencies"
    body = get_json(source, block, "/api/dependencies", span)
    if not isinstance(body, dict) or "data" not in body:
        raise SourceError(f"{url} answered JSON without 'data', which is not Jaeger's; check url")
    if body.get("errors"):
        raise SourceError(f"{url} could not answer: {body['errors']}")
    return sightings(source, body["data"] or [], span, url)
