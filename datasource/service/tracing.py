"""Traces of the service itself, by OpenTelemetry: where the environment names a collector, and the extra is installed.

The environment is OpenTelemetry's own: OTEL_EXPORTER_OTLP_ENDPOINT (or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT),
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_SDK_DISABLED and so on. Spans are sent by HTTP.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_tracer: Any = None
_provider: Any = None


def begin_tracing(process: str) -> bool:
    """Send spans from now on, where the environment names somebody to send them to; whether it does."""
    global _tracer, _provider  # noqa: PLW0603
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return False
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("%s is set, and traces need 'pip install causal-datasource[traces]'", _ENDPOINTS[1])
        return False
    os.environ.setdefault("OTEL_SERVICE_NAME", "causal-datasource")
    _provider = TracerProvider(resource=Resource.create({"process.role": process}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer("causal-datasource")
    return True


def end_tracing() -> None:
    """Send what is left."""
    if _provider is not None:
        _provider.shutdown()


@contextmanager
def span(name: str, facts: Mapping[str, str | int | float] | None = None, parent: str = "") -> Iterator[None]:
    """What is done within is a span with these attributes, below the `parent` of a traceparent header; nothing where
    nothing is traced."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": parent}) if parent else None
    with _tracer.start_as_current_span(name, context=context, attributes=dict(facts or {})):
        yield
