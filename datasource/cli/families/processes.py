"""What every client library says about its own process, and what Prometheus says about itself."""

from datasource.cli.families.family import Family, Proposed, rate
from datasource.cli.families.http_server import Durations, http_signals
from datasource.cli.survey import Survey

_CPU = "process_cpu_seconds_total"
_MEMORY = "process_resident_memory_bytes"
_START = "process_start_time_seconds"
_TARGET = ("instance", "job")


def find_prometheus_itself(survey: Survey) -> Family | None:
    """A Prometheus that scrapes only itself, or others of its kind."""
    counter = survey.first("prometheus_http_requests_total")
    if not counter:
        return None
    base = "prometheus_http_request_duration_seconds"
    signals = http_signals(survey, counter, Durations(base) if survey.alive(f"{base}_count") else None)
    said = ("nothing but Prometheus' own metrics is recognised: this file watches Prometheus itself",)
    return Family("Prometheus' own metrics", "server", counter, _TARGET, signals, said)


def find_targets(survey: Survey) -> Family | None:
    """What Prometheus notes about every target it scrapes: whether it answered, how slowly, how much."""
    if not survey.alive("up"):
        return None
    signals = (
        Proposed(
            "samples", "scrape_samples_scraped", "sum by ($by) (scrape_samples_scraped{$present})", "short", "load"
        ),
        Proposed("down", "up", "sum by ($by) (1 - up{$present})", "short", "failure"),
        Proposed(
            "scrape_seconds",
            "scrape_duration_seconds",
            "max by ($by) (scrape_duration_seconds{$present})",
            "s",
            "latency",
        ),
    )
    said = ("no metric is recognised beyond what Prometheus notes about its targets; write your own queries in",)
    return Family("scrape targets", "target", "up", _TARGET, signals, said)


def process_signals(survey: Survey, labels: tuple[str, ...]) -> tuple[Proposed, ...]:
    """Cpu, memory and restarts of the processes behind a service, as far as they carry its labels."""
    offered = (
        Proposed("cpu", _CPU, rate(_CPU), "cores", "saturation", "rate"),
        Proposed("memory", _MEMORY, f"sum by ($by) ({_MEMORY}{{$present}})", "bytes", "saturation"),
        Proposed(
            "restarts", _START, f"sum by ($by) (changes({_START}{{$present}}[$window]))", "short", "event", "event"
        ),
    )
    return tuple(
        signal for signal in offered if survey.alive(signal.metric) and set(labels) <= survey.labels(signal.metric)
    )
