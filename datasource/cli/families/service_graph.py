"""Who calls whom, as Tempo's generator and the OpenTelemetry collector's servicegraph connector count it."""

from datasource.cli.families.family import Calls, Proposed, or_zero
from datasource.cli.survey import Survey

_REQUESTS = "traces_service_graph_request_total"
_FAILED = "traces_service_graph_request_failed_total"
_SECONDS = ("traces_service_graph_request_client_seconds_sum", "traces_service_graph_request_client_sum")
_KIND = "connection_type"
_NAMESPACES = ("client_service_namespace", "client_namespace", "client_k8s_namespace_name")


def service_graph_calls(survey: Survey, labels: tuple[str, ...]) -> Calls | None:
    """The relation of an entity with these labels, as far as the service graph carries them."""
    if not survey.alive(_REQUESTS):
        return None
    there = survey.labels(_REQUESTS)
    client = _ends("client", labels, there)
    server = _ends("server", labels, there)
    grouped = [label for label in (*client, *server, _KIND) if label in there]
    query = f"sum by ({', '.join(grouped)}) (rate({_REQUESTS}[$window]))"
    return Calls(_REQUESTS, query, client, server)


def call_signals(survey: Survey) -> tuple[Proposed, ...]:
    """What each (client, server) does: calls, failures, and the seconds that clients wait."""
    if not survey.alive(_REQUESTS):
        return ()
    requests = _rate(_REQUESTS)
    signals = [Proposed("call_requests", _REQUESTS, requests, "reqps", "load", "rate", entity="call")]
    if survey.alive(_FAILED):
        failed = or_zero(_rate(_FAILED), requests)
        signals.append(Proposed("call_errors", _FAILED, failed, "reqps", "failure", "rate", entity="call"))
    if seconds := survey.first(*_SECONDS):
        signals.append(Proposed("call_seconds", seconds, _rate(seconds), "s", "work", "rate", entity="call"))
    return tuple(signals)


def _rate(metric: str) -> str:
    return f'sum by ($by) (rate({metric}{{client!="", server!=""}}[$window]))'


def _ends(end: str, labels: tuple[str, ...], there: frozenset[str]) -> tuple[str, ...]:
    """For each of the entity's labels, the service graph's label with the same meaning."""
    found = []
    for label in labels[:-1]:
        usual = f"{end}_{label}"
        others = [name.replace("client", end, 1) for name in _NAMESPACES] if "namespace" in label else []
        found.append(next((name for name in (usual, *others) if name in there), usual))
    return (*found, end)
