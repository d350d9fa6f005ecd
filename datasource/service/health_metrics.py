"""The service's own health as metrics: what is scraped, and what is pushed."""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from datasource.service.metrics import samples
from datasource.service.pushing import Pushed
from datasource.service.sample import Sample
from datasource.service.served import Served
from datasource.service.snapshot import Snapshot
from datasource.service.stages import Stage

_JOB = "causal-datasource"
"""Of the service's own numbers, as the scrape job of the documents is called; results have no job."""


def health_gauge(name: str, text: str, value: float) -> Metric:
    """One number of the service itself."""
    return GaugeMetricFamily(f"causal_datasource_{name}", text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    found = Metric(f"causal_datasource_{name}", text, "counter")
    found.add_sample(f"causal_datasource_{name}_total", {}, value)
    return found


def _stages(stages: Mapping[str, Stage]) -> Iterator[Metric]:
    took = SummaryMetricFamily(
        "causal_datasource_stage_duration_seconds", "How long each stage of the evaluating took.", labels=["stage"]
    )
    failed = CounterMetricFamily("causal_datasource_stage_failures", "Stages that failed.", labels=["stage"])
    for name, one in stages.items():
        took.add_metric([name], one.runs, one.seconds)
        failed.add_metric([name], one.failures)
    yield from (took, failed)


def health_metrics(clock: Served) -> Iterator[Metric]:
    """The service's own numbers, at this moment."""
    health, snapshot = clock.health, clock.snapshot
    build = InfoMetricFamily("causal_datasource_build", "Version of the service.")
    build.add_metric([], {"version": version("causal-datasource"), "python": platform.python_version()})
    yield build
    evaluations = _counter("evaluations", "Evaluations begun, failed ones included.", health.evaluations)
    failures = _counter("evaluation_failures", "Evaluations that failed.", health.failures)
    yield evaluations
    yield failures
    jumps = _counter("clock_jumps", "How often the time of this machine was set.", health.jumps)
    yield jumps
    text = "1 while this process evaluates, 0 while another one on the same store does."
    yield health_gauge("leader", text, float(clock.leads))
    text = "How often the process that evaluates was replaced."
    restarts = _counter("evaluator_restarts", text, health.restarts)
    yield restarts
    text = "1 while the settings in use are those in their file, 0 while the file has others that cannot be used."
    yield health_gauge("config_last_reload_successful", text, float(not health.settings_error))
    text = "When the settings in use were read."
    yield health_gauge("config_last_reload_success_timestamp_seconds", text, health.settings_read)
    text = "1 while incidents are kept in the store, 0 while they are in memory only."
    yield health_gauge("store_up", text, float(not health.store_error))
    text = "1 while what is evaluated reaches those who serve, 0 while there is no room for it."
    yield health_gauge("last_publication_successful", text, float(not health.unpublished))
    yield from _stages(health.stages)
    yield health_gauge("time_seconds", "The time of this machine.", time.time())
    yield health_gauge("last_success_timestamp_seconds", "When an evaluation last succeeded.", health.last_success)
    yield health_gauge("stale", "1 while results are withheld, being too old to be believed.", float(clock.stale()))
    yield health_gauge("last_evaluation_duration_seconds", "How long the last evaluation took.", health.last_seconds)
    if health.pushed is not None:
        yield from _pushed(health.pushed)
    if snapshot is None:
        return
    yield health_gauge("snapshot_timestamp_seconds", "The newest point that was evaluated.", snapshot.time)
    yield health_gauge("points", "Points of the baseline that have samples.", snapshot.points)
    yield health_gauge("points_needed", "Points that the first fit waits for.", snapshot.points_needed)
    yield health_gauge("variables", "Variables measured.", len(snapshot.matrix.variables))
    silent = sum(not one.ended for one in snapshot.unjudged)
    yield health_gauge("unjudged_variables", "Variables measured now that have too few points to be judged.", silent)
    yield health_gauge("notices", "Things an operator should know; the page lists them.", len(snapshot.notices))
    words = "Entities that can alarm and have samples.", "Entities that were judged and have no samples any more."
    there = GaugeMetricFamily("causal_datasource_entities", words[0], None, ["type"])
    gone = GaugeMetricFamily("causal_datasource_vanished_entities", words[1], None, ["type"])
    for kind, (present, vanished) in snapshot.presence.counts.items():
        there.add_metric([kind], present)
        gone.add_metric([kind], vanished)
    yield from (there, gone)
    asked, supported = snapshot.settings.anomaly.false_alarms_per_day, snapshot.mechanisms
    yield health_gauge("promised_false_alarms_per_day", "Episodes of false alarm a day that are accepted.", asked)
    if supported is not None:
        text = "Alarm episodes a day that parts of the baseline show, each judged by the others."
        yield health_gauge("supported_false_alarms_per_day", text, supported.supported)
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


def scraped(clock: Served) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Name, labels and value of every sample that a scrape would bring now, but for what the web process counts."""
    for metric in health_metrics(clock):
        yield from ((one.name, {"job": _JOB} | one.labels, one.value) for one in metric.samples)
    snapshot = clock.snapshot
    if snapshot is not None and clock.leads and not clock.stale():
        shown, dropped = within_limits(snapshot)
        yield from shown
        yield "causal_datasource_dropped_series", {"job": _JOB}, dropped


def within_limits(snapshot: Snapshot) -> tuple[Sequence[Sample], int]:
    """The results that may be exposed, and how many are too many (`evaluation.max_series`)."""
    found, most = samples(snapshot), snapshot.settings.evaluation.max_series
    return found[:most], max(0, len(found) - most)


def _pushed(pushed: Pushed) -> Iterator[Metric]:
    """How delivery by remote_write goes."""
    text = "Samples that remote_write delivered."
    yield _counter("remote_write_samples", text, pushed.delivered)
    text = "Samples that remote_write could not deliver: refused, or too old by then."
    dropped = Metric("causal_datasource_remote_write_dropped_samples", text, "counter")
    for reason, count in (("refused", pushed.refused), ("too_old", pushed.expired)):
        dropped.add_sample("causal_datasource_remote_write_dropped_samples_total", {"reason": reason}, count)
    yield dropped
    yield _counter("remote_write_retries", "Requests of remote_write that are sent again.", pushed.retries)
    yield health_gauge("remote_write_pending_samples", "Samples that wait to be delivered.", pushed.waiting)
    text = "When remote_write last delivered something."
    yield health_gauge("remote_write_last_success_timestamp_seconds", text, pushed.last_success)
