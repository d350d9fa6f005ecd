"""Every source by its kind, and which label of a source's metric says what."""

from collections.abc import Callable

from datasource.settings import Settings, Source
from datasource.topology.family import EndType, Family, label_mapping, usual_labels
from datasource.topology.hubble import HUBBLE
from datasource.topology.istio import ISTIO
from datasource.topology.jaeger import read_jaeger
from datasource.topology.linkerd import LINKERD
from datasource.topology.metric import METRIC
from datasource.topology.placement import KUBE_POD_INFO
from datasource.topology.service_graph import SERVICE_GRAPH
from datasource.topology.sighting import Sighting, Span
from datasource.topology.span_metrics import SPAN_METRICS
from datasource.topology.zipkin import read_zipkin

FAMILIES: dict[str, Family] = {
    "service_graph": SERVICE_GRAPH,
    "istio": ISTIO,
    "linkerd": LINKERD,
    "hubble": HUBBLE,
    "span_metrics": SPAN_METRICS,
    "kube_pod_info": KUBE_POD_INFO,
    "metric": METRIC,
}

SERVERS: dict[str, Callable[[Source, str, Span], list[Sighting]]] = {"jaeger": read_jaeger, "zipkin": read_zipkin}


def end_types(settings: Settings, relation: str) -> tuple[EndType, EndType]:
    """The two ends of a relation."""
    first, second = list(settings.ends(relation).items())[:2]
    return (
        EndType(first[0], settings.entities[first[1]].labels),
        EndType(second[0], settings.entities[second[1]].labels),
    )


def end_labels(settings: Settings, relation: str, source: str) -> dict[str, dict[str, str]]:
    """For each end, which label of a source's metric gives which label of the entity; empty for other sources."""
    declared = settings.relations[relation].named_sources[source]
    family = FAMILIES.get(declared.source)
    return label_mapping(declared, family, end_types(settings, relation)) if family else {}


def call_labels(settings: Settings, relation: str) -> dict[str, tuple[str, str]]:
    """Where each label that a call may have comes from: (end, label of the entity there).

    `<end>` is the entity's name, `<end>_<label>` each of its labels, `<end>_namespace` the one that is a namespace;
    and a label of a source's own metric means what it means there, so that results join with its series. A label that
    both ends have, as `cluster`, is that of both.
    """
    known: dict[str, tuple[str, str]] = {}
    for source in settings.relations[relation].named_sources:
        for end, mapping in end_labels(settings, relation, source).items():
            known |= {there: (end, own) for own, there in mapping.items()}
    for place, which in enumerate(end_types(settings, relation)):
        namespaces = [label for label in which.labels if "namespace" in label]
        known |= {f"{which.name}_namespace": (which.name, label) for label in namespaces[:1]}
        known |= {f"{which.name}_{label}": (which.name, label) for label in which.labels}
        known |= {there: (which.name, own) for own, there in usual_labels(place, which.name, which.labels).items()}
    first, second = end_types(settings, relation)
    shared = {label: (first.name, label) for label in first.labels[:-1] if label in second.labels[:-1]}
    return shared | known
