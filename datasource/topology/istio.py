"""Istio's request counter. Both proxies of a call count it, so one of them is asked; calls to what has no proxy are
seen by the client's alone."""

from collections.abc import Mapping, Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family, prefixed_labels

NOBODY = "unknown"
"""How Istio calls a workload that it does not know."""
OUTSIDE = "external"
"""The namespace of what is not in the mesh."""
_SERVER, _HOST, _NAMESPACE = "destination_workload", "destination_service_name", "destination_workload_namespace"


def _query(source: Source, by: Sequence[str], window: str) -> str:
    metric = source.metric or "istio_requests_total"
    seen, outside = f'reporter="{source.reporter}"', f'reporter="source", {_SERVER}="{NOBODY}"'
    rates = (f"sum by ({write_labels(by)}) (rate({metric}{{{one}}}[{window}]))" for one in (seen, outside))
    return " or ".join(rates)


def _end_labels(place: int, end: str, labels: Sequence[str]) -> dict[str, str]:
    """An entity that is labelled as Istio labels servers is found at the clients' end by the same label there."""
    usual = prefixed_labels(("source_", "destination_"), "workload", "workload_namespace")(place, end, labels)
    side = ("source_", "destination_")[place]
    own = {
        label: side + label.removeprefix(prefix)
        for label in labels
        for prefix in ("source_", "destination_")
        if label.startswith(prefix)
    }
    return usual | own


def _derive(_: Source, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The host that a client asked for stands for a server that is not in the mesh."""
    host = labels.get(_HOST, "")
    if labels.get(_SERVER) != NOBODY or host in ("", NOBODY):
        return labels
    return {**labels, _SERVER: host, _NAMESPACE: OUTSIDE}


ISTIO = Family(_query, _end_labels, further=lambda _: (_SERVER, _HOST), derive=_derive)
