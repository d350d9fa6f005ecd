"""HTTP and gRPC servers as their client libraries measure them."""

from datasource.cli.families.family import Family, Proposed, or_zero, rate, ratio
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey

_DURATIONS = {
    "http_server_request_duration_seconds": 1,  # OpenTelemetry's semantic conventions
    "http_server_duration_milliseconds": 1000,  # the same, before they were stable
    "http_server_requests_seconds": 1,  # Micrometer, Spring Boot
    "http_request_duration_seconds": 1,
    "http_requests_duration_seconds": 1,
    "http_request_duration_milliseconds": 1000,
    "request_duration_seconds": 1,
    "flask_http_request_duration_seconds": 1,
}
"""Base names of duration histograms or summaries, and how many of their unit make a second."""

_REQUESTS = ("http_requests_total", "http_server_requests_total", "flask_http_request_total", "requests_total")
_STATUS = ("http_response_status_code", "http_status_code", "status_code", "code", "status", "response_code")

_GRPC_FAILED = 'grpc_code=~"Unknown|DeadlineExceeded|ResourceExhausted|Internal|Unavailable|DataLoss"'


def find_http_server(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of HTTP servers."""
    base = next((base for base in _DURATIONS if survey.alive(f"{base}_count")), "")
    counter = survey.first(*_REQUESTS) or (f"{base}_count" if base else "")
    if not counter:
        return None
    signals = http_signals(survey, counter, base, _DURATIONS.get(base, 1))
    missing = [] if base else ["no durations of HTTP requests: latency and busy are missing"]
    if not any(signal.role == "failure" for signal in signals):
        missing.append(f"{counter} has no label with the status: errors are missing")
    return Family("HTTP server metrics", "service", counter, SERVICE, signals, tuple(missing))


def http_signals(survey: Survey, counter: str, base: str, per_second: int = 1) -> tuple[Proposed, ...]:
    """What a counter of requests and a duration's `base` name offer; without durations where it is empty."""
    requests = rate(counter)
    signals = [Proposed("requests", counter, requests, "reqps", "load", "rate")]
    for metric in filter(None, (counter, f"{base}_count" if base else "")):
        status = next((label for label in _STATUS if label in survey.labels(metric)), "")
        if status:
            failed = rate(metric, f'{status}=~"5.."')
            signals.append(
                Proposed("errors", metric, or_zero(failed, rate(metric)), "reqps", "failure", "rate"),
            )
            break
    return (*signals, *_durations(base, per_second))


def find_grpc_server(survey: Survey) -> Family | None:
    """Calls, errors, busy seconds and mean latency of gRPC servers."""
    counter = survey.first("grpc_server_handled_total")
    if not counter:
        return None
    requests = rate(counter)
    signals = [
        Proposed("requests", counter, requests, "reqps", "load", "rate"),
        Proposed("errors", counter, or_zero(rate(counter, _GRPC_FAILED), requests), "reqps", "failure", "rate"),
    ]
    base = "grpc_server_handling_seconds" if survey.alive("grpc_server_handling_seconds_count") else ""
    missing = () if base else ("no grpc_server_handling_seconds: latency and busy are missing",)
    return Family("gRPC server metrics", "service", counter, SERVICE, (*signals, *_durations(base, 1)), missing)


def _durations(base: str, per_second: int) -> tuple[Proposed, ...]:
    if not base:
        return ()
    divisor = f" / {per_second}" if per_second > 1 else ""
    seconds = rate(f"{base}_sum")
    mean = ratio(seconds, rate(f"{base}_count"))
    return (
        Proposed("busy", f"{base}_sum", seconds + divisor, "s", "work", "rate"),
        Proposed("latency", f"{base}_sum", mean + divisor, "s", "latency"),
    )
