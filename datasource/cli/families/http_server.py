"""HTTP and RPC servers as their client libraries measure them, OpenTelemetry's under each of its translations."""

from collections.abc import Mapping
from typing import NamedTuple

from datasource.cli.families.family import Family, Proposed, or_zero, rate, ratio
from datasource.cli.families.target_info import name_by_target
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey
from datasource.settings.promql import write_label

_HTTP = {
    "http_server_request_duration_seconds": 1,  # OpenTelemetry's semantic conventions
    "http.server.request.duration": 1,  # untranslated
    "http.server.request.duration_seconds": 1,
    "http_server_duration_milliseconds": 1000,  # the same, before they were stable
    "http.server.duration": 1000,
    "http.server.duration_milliseconds": 1000,
    "http_server_requests_seconds": 1,  # Micrometer, Spring Boot
    "http_request_duration_seconds": 1,
    "http_requests_duration_seconds": 1,
    "http_request_duration_milliseconds": 1000,
    "request_duration_seconds": 1,
    "flask_http_request_duration_seconds": 1,
}
"""Base names of duration histograms or summaries, and how many of their unit make a second."""

_RPC = {
    "rpc_server_call_duration_seconds": 1,
    "rpc.server.call.duration": 1,
    "rpc.server.call.duration_seconds": 1,
    "rpc_server_duration_milliseconds": 1000,
    "rpc.server.duration": 1000,
    "rpc.server.duration_milliseconds": 1000,
    "rpc_server_duration_seconds": 1,
}
"""OpenTelemetry's metrics of RPC servers."""

_REQUESTS = ("http_requests_total", "http_server_requests_total", "flask_http_request_total", "requests_total")
_STATUS = (
    *("http_response_status_code", "http.response.status_code", "http_status_code", "http.status_code"),
    *("status_code", "code", "status", "response_code"),
)
_RPC_STATUS = ("rpc_grpc_status_code", "rpc.grpc.status_code", "rpc_response_status_code", "rpc.response.status_code")

_GRPC_FAILED = 'grpc_code=~"Unknown|DeadlineExceeded|ResourceExhausted|Internal|Unavailable|DataLoss"'
_RPC_FAILED = "2|4|8|13|14|15|UNKNOWN|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|INTERNAL|UNAVAILABLE|DATA_LOSS"


class Requests(NamedTuple):
    """A metric that counts requests: a counter, or a native histogram."""

    metric: str
    native: bool = False

    def rate(self, matchers: str = "") -> str:
        """Requests per second."""
        return f"histogram_count({rate(self.metric, matchers)})" if self.native else rate(self.metric, matchers)


class Durations(NamedTuple):
    """A histogram or summary of durations: its base name, how many of its unit make a second, whether it is native."""

    base: str
    per_second: int = 1
    native: bool = False

    @property
    def requests(self) -> Requests:
        """Whom it counts."""
        return Requests(self.base, native=True) if self.native else Requests(f"{self.base}_count")

    def signals(self, matchers: str = "") -> tuple[Proposed, ...]:
        """The seconds spent, and the mean, of the series with these matchers."""
        metric = self.base if self.native else f"{self.base}_sum"
        divisor = f" / {self.per_second}" if self.per_second > 1 else ""
        seconds = f"histogram_sum({rate(metric, matchers)})" if self.native else rate(metric, matchers)
        mean = ratio(seconds, self.requests.rate(matchers))
        return (
            Proposed("busy", metric, seconds + divisor, "s", "work", "rate"),
            Proposed("latency", metric, mean + divisor, "s", "latency"),
        )


def find_http_server(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of HTTP servers."""
    durations = _find_durations(survey, _HTTP)
    counter = survey.first(*_REQUESTS)
    if not (counter or durations):
        return None
    signals = http_signals(survey, counter, durations)
    missing = [] if durations else ["no durations of HTTP requests: latency and busy are missing"]
    if not any(signal.role == "failure" for signal in signals):
        missing.append(f"{signals[0].metric} has no label with the status: errors are missing")
    family = Family("HTTP server metrics", "service", signals[0].metric, SERVICE, signals, tuple(missing))
    return name_by_target(survey, family)


def http_signals(survey: Survey, counter: str, durations: Durations | None) -> tuple[Proposed, ...]:
    """What a counter of requests and a histogram of durations offer, as far as there is one."""
    counted = [*([Requests(counter)] if counter else []), *([durations.requests] if durations else [])]
    signals = [Proposed("requests", counted[0].metric, counted[0].rate(), "reqps", "load", "rate")]
    for requests in counted:
        status = next((label for label in _STATUS if label in survey.labels(requests.metric)), "")
        if status:
            signals.append(_failed(requests, f'{write_label(status)}=~"5.."'))
            break
    return (*signals, *(durations.signals() if durations else ()))


def find_rpc_server(survey: Survey) -> Family | None:
    """Calls, errors, busy seconds and mean latency of RPC servers, as gRPC's own libraries or OpenTelemetry have
    them."""
    counter = survey.first("grpc_server_handled_total")
    if counter:
        seconds = "grpc_server_handling_seconds"
        durations = Durations(seconds) if survey.alive(f"{seconds}_count") else None
        requests = Requests(counter)
        failed = [_failed(requests, _GRPC_FAILED)]
        missing = () if durations else (f"no {seconds}: latency and busy are missing",)
    else:
        durations = _find_durations(survey, _RPC)
        if not durations:
            return None
        requests = durations.requests
        status = next((label for label in _RPC_STATUS if label in survey.labels(requests.metric)), "")
        failed = [_failed(requests, f'{write_label(status)}=~"{_RPC_FAILED}"')] if status else []
        missing = () if status else (f"{requests.metric} has no label with the status: errors are missing",)
    load = Proposed("requests", requests.metric, requests.rate(), "reqps", "load", "rate")
    signals = (load, *failed, *(durations.signals() if durations else ()))
    family = Family("RPC server metrics", "service", requests.metric, SERVICE, signals, missing)
    return name_by_target(survey, family)


def _find_durations(survey: Survey, known: Mapping[str, int]) -> Durations | None:
    """The first of these that has samples; a native histogram has them under its own name."""
    for base, per_second in known.items():
        for native in (False, True):
            durations = Durations(base, per_second, native)
            if survey.alive(durations.requests.metric):
                return durations
    return None


def _failed(requests: Requests, matchers: str) -> Proposed:
    query = or_zero(requests.rate(matchers), requests.rate())
    return Proposed("errors", requests.metric, query, "reqps", "failure", "rate")
