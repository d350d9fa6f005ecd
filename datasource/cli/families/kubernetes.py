"""Containers as Kubernetes measures them: cAdvisor and kube-state-metrics."""

from datasource.cli.families.family import Family, Proposed, rate, ratio
from datasource.cli.survey import Survey

_CPU = "container_cpu_usage_seconds_total"
_MEMORY = "container_memory_working_set_bytes"
_PERIODS = "container_cpu_cfs_periods_total"
_THROTTLED = "container_cpu_cfs_throttled_periods_total"
_RESTARTS = "kube_pod_container_status_restarts_total"


def find_containers(survey: Survey) -> Family | None:
    """Every container's cpu, memory, throttling and restarts, when nothing says what it serves."""
    if not survey.alive(_CPU) or "container" not in survey.labels(_CPU):
        return None
    missing = ("no metric counts requests: there is no latency to explain, only saturation and restarts",)
    return Family("cAdvisor and kube-state-metrics", "container", _CPU, ("container",), _signals(), missing)


def container_signals(survey: Survey, labels: tuple[str, ...]) -> tuple[Proposed, ...]:
    """The same for services, as far as these metrics carry the service's labels."""
    return tuple(
        signal for signal in _signals() if survey.alive(signal.metric) and set(labels) <= survey.labels(signal.metric)
    )


def _signals() -> tuple[Proposed, ...]:
    return (
        Proposed("cpu", _CPU, rate(_CPU), "cores", "saturation", "rate"),
        Proposed("memory", _MEMORY, f"sum by ($by) ({_MEMORY}{{$present}})", "bytes", "saturation"),
        Proposed("throttled", _THROTTLED, ratio(rate(_THROTTLED), rate(_PERIODS)), "percentunit", "saturation"),
        Proposed(
            "restarts",
            _RESTARTS,
            f"sum by ($by) (increase({_RESTARTS}{{$present}}[$window]))",
            "short",
            "event",
            "event",
        ),
    )
