"""Which labels the service graph gives the two ends of a call."""

from typing import NamedTuple

from datasource.cli.survey import Survey

METRIC = "traces_service_graph_request_total"
_NAMESPACES = ("client_service_namespace", "client_namespace", "client_k8s_namespace_name")


class GraphLabels(NamedTuple):
    """For each label of the entity, the metric's label at the client's and the server's end; those of a call."""

    client: tuple[str, ...]
    server: tuple[str, ...]
    call: tuple[str, ...]


def graph_labels(survey: Survey, labels: tuple[str, ...]) -> GraphLabels:
    """The labels that the service graph has for an entity with these labels."""
    there = survey.labels(METRIC)
    client, server = (_end(end, labels, there) for end in ("client", "server"))
    both = (*client, *server)
    return GraphLabels(client, server, both if set(both) <= there else ("client", "server"))


def _end(end: str, labels: tuple[str, ...], there: frozenset[str]) -> tuple[str, ...]:
    """For each of the entity's labels, the service graph's label with the same meaning."""
    found = []
    for label in labels[:-1]:
        usual = f"{end}_{label}"
        others = [name.replace("client", end, 1) for name in _NAMESPACES] if "namespace" in label else []
        found.append(next((name for name in (usual, *others) if name in there), usual))
    return (*found, end)
