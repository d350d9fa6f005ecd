"""Zipkin's dependency API: `GET /api/v2/dependencies` -> `[{parent, child, callCount, errorCount}]`."""

from datasource.settings import Source
from datasource.topology.dependencies import get_json, sightings
from datasource.topology.sighting import Sighting, SourceError, Span


def read_zipkin(source: Source, block: str, span: Span) -> list[Sighting]:
    """Every pair that Zipkin saw in the span. Raises SourceError, PrometheusError."""
    url = f"{source.url}/api/v2/dependencies"
    body = get_json(source, block, "/api/v2/dependencies", span)
    if not isinstance(body, list):
        raise SourceError(f"{url} answered JSON that is not Zipkin's list; check url")
    return sightings(source, body, span, url)
