"""What Jaeger's and Zipkin's dependency APIs have in common: who called whom, and how often, within a span."""

from typing import Any

from datasource.prometheus.transport import Transport
from datasource.settings import Source
from datasource.topology.sighting import Sighting, SourceError, Span


def sightings(source: Source, links: Any, span: Span, answered: str) -> list[Sighting]:
    """Links of `{parent, child, callCount}`, renamed and added up. Raises SourceError for another shape.

    The API tells how many calls there were in the span, not when: the newest time is the span's end.
    """
    counts: dict[tuple[str, str], int] = {}
    try:
        for link in links:
            pair = source.rename(str(link["parent"])), source.rename(str(link["child"]))
            counts[pair] = counts.get(pair, 0) + int(link["callCount"])
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{answered} answered JSON that is no list of parent, child and callCount ({error!r}); check url"
        ) from None
    if not counts:
        raise SourceError(f"{answered} knows no dependencies in that time; see that they are computed")
    seconds = max(1, span.end - span.start)
    return [Sighting(pair, None, "", count / seconds, span.end) for pair, count in counts.items() if count > 0]


def get_json(source: Source, block: str, path: str, span: Span) -> Any:
    """What the server answers for the span, in milliseconds as both APIs want it. Raises PrometheusError.

    `block` is where the source stands in the settings.
    """
    transport = Transport(source, source.url, source.timeout, block=block)
    with transport.session:
        return transport.get_json(path, {"endTs": span.end * 1000, "lookback": (span.end - span.start) * 1000})
