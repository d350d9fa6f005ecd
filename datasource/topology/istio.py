"""Istio's request counter. Both proxies of a call count it, so one of them is asked."""

from collections.abc import Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family, prefixed_labels


def _query(source: Source, by: Sequence[str], window: str) -> str:
    selector = f'{source.metric or "istio_requests_total"}{{reporter="{source.reporter}"}}'
    return f"sum by ({write_labels(by)}) (rate({selector}[{window}]))"


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


ISTIO = Family(_query, _end_labels)
