"""GET /metrics: the last snapshot and the service's own health, for Prometheus to scrape.

Nothing is computed here, and a snapshot is written once, however many scrape it.
"""

import platform
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version

from flask import Blueprint, Response, current_app
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from datasource.service import HELP, Served, Snapshot, samples
from datasource.service.stages import Stage
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
        yield from _health(self._clock)


class _Results:
    """The numbers of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        found = samples(self._snapshot)
        most = self._snapshot.settings.evaluation.max_series
        for sample in found[:most]:
            family = families.setdefault(sample.name, Metric(sample.name, HELP[sample.name], "gauge"))
            family.add_sample(sample.name, _NO_TARGET | sample.labels, sample.value)
        yield from families.values()
        yield _gauge("dropped_series", "Series left out because of evaluation.max_series.", max(0, len(found) - most))


class Counters:
    """What the service counts of itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "causal_datasource_http_requests", "Requests answered.", ("endpoint", "code"), registry=registry
        )
        self.seconds = Histogram(
            "causal_datasource_http_request_duration_seconds", "Time to answer.", ("endpoint",), registry=registry
        )
        Info("causal_datasource_build", "Version of the service.", registry=registry).info(
            {"version": version("causal-datasource"), "python": platform.python_version()}
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


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"causal_datasource_{name}", text, value)


def _stages(stages: Mapping[str, Stage]) -> Iterator[Metric]:
    took = SummaryMetricFamily(
        "causal_datasource_stage_duration_seconds", "How long each stage of the evaluating took.", labels=["stage"]
    )
    failed = CounterMetricFamily("causal_datasource_stage_failures", "Stages that failed.", labels=["stage"])
    for name, one in stages.items():
        took.add_metric([name], one.runs, one.seconds)
        failed.add_metric([name], one.failures)
    yield from (took, failed)


def _health(clock: Served) -> Iterator[Metric]:
    health, snapshot = clock.health, clock.snapshot
    evaluations = Metric("causal_datasource_evaluations", "Evaluations begun, failed ones included.", "counter")
    evaluations.add_sample("causal_datasource_evaluations_total", {}, health.evaluations)
    failures = Metric("causal_datasource_evaluation_failures", "Evaluations that failed.", "counter")
    failures.add_sample("causal_datasource_evaluation_failures_total", {}, health.failures)
    yield evaluations
    yield failures
    jumps = Metric("causal_datasource_clock_jumps", "How often the time of this machine was set.", "counter")
    jumps.add_sample("causal_datasource_clock_jumps_total", {}, health.jumps)
    yield jumps
    text = "1 while this process evaluates, 0 while another one on the same store does."
    yield _gauge("leader", text, float(clock.leads))
    text = "How often the process that evaluates was replaced."
    restarts = Metric("causal_datasource_evaluator_restarts", text, "counter")
    restarts.add_sample("causal_datasource_evaluator_restarts_total", {}, health.restarts)
    yield restarts
    text = "1 while the settings in use are those in their file, 0 while the file has others that cannot be used."
    yield _gauge("config_last_reload_successful", text, float(not health.settings_error))
    text = "When the settings in use were read."
    yield _gauge("config_last_reload_success_timestamp_seconds", text, health.settings_read)
    text = "1 while incidents are kept in the store, 0 while they are in memory only."
    yield _gauge("store_up", text, float(not health.store_error))
    text = "1 while what is evaluated reaches those who serve, 0 while there is no room for it."
    yield _gauge("last_publication_successful", text, float(not health.unpublished))
    yield from _stages(health.stages)
    yield _gauge("time_seconds", "The time of this machine.", time.time())
    yield _gauge("last_success_timestamp_seconds", "When an evaluation last succeeded.", health.last_success)
    yield _gauge("stale", "1 while results are withheld, being too old to be believed.", float(clock.stale()))
    yield _gauge("last_evaluation_duration_seconds", "How long the last evaluation took.", health.last_seconds)
    if snapshot is None:
        return
    yield _gauge("snapshot_timestamp_seconds", "The newest point that was evaluated.", snapshot.time)
    yield _gauge("points", "Points of the baseline that have samples.", snapshot.points)
    yield _gauge("points_needed", "Points that the first fit waits for.", snapshot.points_needed)
    yield _gauge("variables", "Variables measured.", len(snapshot.matrix.variables))
    silent = sum(not one.ended for one in snapshot.unjudged)
    yield _gauge("unjudged_variables", "Variables measured now that have too few points to be judged.", silent)
    yield _gauge("notices", "Things an operator should know; the page lists them.", len(snapshot.notices))
    words = "Entities that can alarm and have samples.", "Entities that were judged and have no samples any more."
    there = GaugeMetricFamily("causal_datasource_entities", words[0], None, ["type"])
    gone = GaugeMetricFamily("causal_datasource_vanished_entities", words[1], None, ["type"])
    for kind, (present, vanished) in snapshot.presence.counts.items():
        there.add_metric([kind], present)
        gone.add_metric([kind], vanished)
    yield from (there, gone)
    asked, supported = snapshot.settings.anomaly.false_alarms_per_day, snapshot.mechanisms
    yield _gauge("promised_false_alarms_per_day", "Episodes of false alarm a day that are accepted.", asked)
    if supported is not None:
        text = "Alarm episodes a day that parts of the baseline show, each judged by the others."
        yield _gauge("supported_false_alarms_per_day", text, supported.supported)
    read = GaugeMetricFamily(
        "causal_datasource_signal_entities", "Entities that a signal's query returned.", None, ["signal"]
    )
    for report in snapshot.reports:
        read.add_metric([report.signal], report.entities)
    yield read
    known = GaugeMetricFamily(
        "causal_datasource_signal_info", "The unit and the role of a signal.", None, ["signal", "unit", "role"]
    )
    for name, signal in snapshot.settings.signals.items():
        known.add_metric([name, signal.unit, signal.role or ""], 1)
    yield known
