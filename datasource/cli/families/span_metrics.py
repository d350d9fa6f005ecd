"""OpenTelemetry span metrics, as the collector's spanmetrics connector and Tempo's generator write them."""

from datasource.cli.families.family import Family, Proposed, or_zero, rate, ratio
from datasource.cli.survey import Survey

_CALLS = (
    "traces_spanmetrics_calls_total",
    "traces_span_metrics_calls_total",
    "span_metrics_calls_total",
    "calls_total",
)
_DURATIONS = {
    "traces_spanmetrics_latency": 1,
    "traces_spanmetrics_duration_seconds": 1,
    "traces_spanmetrics_duration_milliseconds": 1000,
    "traces_span_metrics_duration_seconds": 1,
    "traces_span_metrics_duration_milliseconds": 1000,
    "span_metrics_duration_seconds": 1,
    "span_metrics_duration_milliseconds": 1000,
    "duration_seconds": 1,
    "duration_milliseconds": 1000,
    "latency": 1000,
}
"""Base names, and how many of their unit make a second."""

_NAMES = ("service_name", "service", "exported_service", "exported_job", "job")
_SERVED = 'span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"'


def find_span_metrics(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of the spans in which a service served somebody."""
    calls = survey.first(*_CALLS)
    if not calls or not {"span_name", "service_name", "span_kind", "status_code"} & survey.labels(calls):
        return None
    served = _SERVED if "span_kind" in survey.labels(calls) else ""
    failed = ", ".join(filter(None, (served, 'status_code="STATUS_CODE_ERROR"')))
    requests = rate(calls, served)
    signals = [
        Proposed("requests", calls, requests, "reqps", "load", "rate"),
        Proposed("errors", calls, or_zero(rate(calls, failed), requests), "reqps", "failure", "rate"),
    ]
    base = next((base for base in _DURATIONS if survey.alive(f"{base}_count")), "")
    if base:
        divisor = f" / {_DURATIONS[base]}" if _DURATIONS[base] > 1 else ""
        seconds = rate(f"{base}_sum", served)
        signals += [
            Proposed("busy", f"{base}_sum", seconds + divisor, "s", "work", "rate"),
            Proposed("latency", f"{base}_sum", ratio(seconds, rate(f"{base}_count", served)) + divisor, "s", "latency"),
        ]
    missing = () if base else ("no durations beside the span metrics: latency and busy are missing",)
    return Family("OpenTelemetry span metrics", "service", calls, _NAMES, tuple(signals), missing)
