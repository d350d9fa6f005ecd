"""GET /metrics: the last snapshot and the service's own health, for Prometheus to scrape.

Nothing is computed here, and a snapshot is written once, however many scrape it.
"""

from collections.abc import Iterator

from flask import Blueprint, Response, current_app
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

from datasource.service import HELP, Served, Snapshot
from datasource.service.health_metrics import health_gauge, health_metrics, within_limits
from datasource.web.answers import Answers
from datasource.web.json_datasource import clock

routes = Blueprint("exposition", __name__)
disable_created_metrics()  # type: ignore[no-untyped-call]


_NO_TARGET = {"job": "", "instance": ""}
"""As in Prometheus' own /federate: with honor_labels, results then carry the entity's labels and no others, and an
alert does not start anew when this service moves to another host."""


class HealthCollector:
    """How the clock is doing, at every scrape."""

    def __init__(self, clock: Served) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield from health_metrics(self._clock)


class _Results:
    """The numbers of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        found, dropped = within_limits(self._snapshot)
        for sample in found:
            family = families.setdefault(sample.name, Metric(sample.name, HELP[sample.name], "gauge"))
            family.add_sample(sample.name, _NO_TARGET | sample.labels, sample.value)
        yield from families.values()
        yield health_gauge("dropped_series", "Series left out because of evaluation.max_series.", dropped)


class Counters:
    """What the service counts of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "causal_datasource_http_requests", "Requests answered.", ("endpoint", "code"), registry=registry
        )
        self.seconds = Histogram(
            "causal_datasource_http_request_duration_seconds", "Time to answer.", ("endpoint",), registry=registry
        )


@routes.get("/metrics")
def expose() -> Response:
    """Our own numbers, and those of the newest snapshot, which are written once; none of one too old to be believed."""
    own: CollectorRegistry = current_app.extensions["registry"]
    answers: Answers = current_app.extensions["answers"]
    served = clock()
    snapshot = served.snapshot
    text = generate_latest(own)
    if snapshot is not None and served.leads and not served.stale():
        text += answers.get(snapshot, "results", lambda: generate_latest(_Results(snapshot))).plain
    return Response(text, content_type=CONTENT_TYPE_LATEST)
