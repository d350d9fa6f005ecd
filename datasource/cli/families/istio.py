"""Istio: what the sidecars measure of every workload."""

from datasource.cli.families.family import Calls, Family, Proposed, or_zero, rate, ratio
from datasource.cli.survey import Survey

REQUESTS = "istio_requests_total"
_DURATION = "istio_request_duration_milliseconds"
_NAMES = ("destination_workload", "destination_service_name", "destination_canonical_service")


def _reporter(survey: Survey) -> str:
    """One side's reports only; with both every request would be counted twice."""
    reporters = {value for (value,) in survey.values(REQUESTS, ["reporter"])}
    return 'reporter="destination"' if "destination" in reporters else 'reporter="source"'


def find_istio(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency per destination workload."""
    if not survey.alive(REQUESTS):
        return None
    side = _reporter(survey)
    requests = rate(REQUESTS, side)
    failed = rate(REQUESTS, f'{side}, response_code=~"5.."')
    signals = [
        Proposed("requests", REQUESTS, requests, "reqps", "load", "rate"),
        Proposed("errors", REQUESTS, or_zero(failed, requests), "reqps", "failure", "rate"),
    ]
    if survey.alive(f"{_DURATION}_count"):
        seconds = rate(f"{_DURATION}_sum", side)
        mean = ratio(seconds, rate(f"{_DURATION}_count", side))
        signals += [
            Proposed("busy", f"{_DURATION}_sum", f"{seconds} / 1000", "s", "work", "rate"),
            Proposed("latency", f"{_DURATION}_sum", f"{mean} / 1000", "s", "latency"),
        ]
    return Family("Istio's request metrics", "workload", REQUESTS, _NAMES, tuple(signals))


def istio_calls(survey: Survey, labels: tuple[str, ...]) -> Calls | None:
    """Who calls whom, where the entity is named by Istio's destination labels."""
    if not labels[-1].startswith("destination_") or not survey.alive(REQUESTS):
        return None
    client = tuple(label.replace("destination_", "source_") for label in labels)
    both = ", ".join(dict.fromkeys((*client, *labels)))
    return Calls(
        REQUESTS, f"sum by ({both}) (rate({REQUESTS}{{{_reporter(survey)}}}[$window]))", client=client, server=labels
    )
