"""Linkerd's response counter, as the clients' proxies see it; servers outside of the mesh by the authority."""

from collections.abc import Mapping, Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family, prefixed_labels
from datasource.topology.istio import OUTSIDE

_SERVER, _HOST, _NAMESPACE = "dst_deployment", "authority", "dst_namespace"


def _query(source: Source, by: Sequence[str], window: str) -> str:
    selector = f'{source.metric or "response_total"}{{direction="outbound"}}'
    return f"sum by ({write_labels(by)}) (rate({selector}[{window}]))"


def _derive(_: Source, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The authority that a client asked for stands for a server that is not in the mesh."""
    if labels.get(_SERVER) or not labels.get(_HOST):
        return labels
    return {**labels, _SERVER: labels[_HOST], _NAMESPACE: OUTSIDE}


LINKERD = Family(
    _query,
    prefixed_labels(("", "dst_"), "deployment", "namespace"),
    further=lambda _: (_HOST,),
    derive=_derive,
)
