"""Which labels the service graph gives the two ends of a call."""

from typing import NamedTuple

from datasource.cli.survey import Survey

METRIC = "traces_service_graph_request_total"
_ENDING = "service_graph_request_total"
_NAMESPACES = ("client_service_namespace", "client_namespace", "client_k8s_namespace_name")


class GraphLabels(NamedTuple):
    """For each label of the entity, the metric's label at the client's and the server's end; those of a call."""

    client: tuple[str, ...]
    server: tuple[str, ...]
    call: tuple[str, ...]


def graph_labels(survey: Survey, labels: tuple[str, ...]) -> GraphLabels:
    """The labels that the service graph has for an entity with these labels.

    What the metric has for a call as a whole, as the label of its cluster, both ends share.
    """
    there = survey.labels(find_service_graph(survey))
    shared = frozenset(label for label in labels[:-1] if label in there and _is_of_calls(survey, label))
    client, server = (_end(end, labels, there, shared) for end in ("client", "server"))
    return GraphLabels(client, server, tuple(label for label in dict.fromkeys((*client, *server)) if label in there))


def find_service_graph(survey: Survey) -> str:
    """The counter of calls of a service graph, under whatever prefix; empty without one."""
    others = sorted(name for name in survey.names if name.endswith(_ENDING) and name != METRIC)
    return next(
        (name for name in (METRIC, *others) if survey.alive(name) and {"client", "server"} <= survey.labels(name)), ""
    )


def _is_of_calls(survey: Survey, label: str) -> bool:
    """Whether a label says where calls are, and not, as a single namespace may, where the collector is."""
    return "namespace" not in label or len(survey.values(find_service_graph(survey), [label])) > 1


def _end(end: str, labels: tuple[str, ...], there: frozenset[str], shared: frozenset[str]) -> tuple[str, ...]:
    """For each of the entity's labels, the service graph's label with the same meaning."""
    found = []
    for label in labels[:-1]:
        usual = f"{end}_{label}"
        others = [name.replace("client", end, 1) for name in _NAMESPACES] if "namespace" in label else []
        whole = [label] if label in shared else []
        found.append(next((name for name in (usual, *others, *whole) if name in there), usual))
    return (*found, end)
