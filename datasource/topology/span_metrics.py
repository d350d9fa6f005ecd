"""OpenTelemetry span metrics whose client spans carry the name of the peer."""

from collections.abc import Mapping, Sequence

from datasource.settings import Source
from datasource.settings.promql import write_label, write_labels, write_selector
from datasource.topology.family import CONNECTION, Family
from datasource.topology.tie import DATABASE, MESSAGING

_METRICS = ("traces_span_metrics_calls_total", "traces_spanmetrics_calls_total", "calls_total")
"""As the collector's connector, Tempo, and older connectors call them."""
_FURTHER = ("span_kind", "db_system", "messaging_system")
_PEER = "peer"


def _query(source: Source, by: Sequence[str], window: str) -> str:
    metrics = (source.metric,) if source.metric else _METRICS
    spans = f'{write_label(_own(source, "span_kind"))}=~"(SPAN_KIND_)?(CLIENT|PRODUCER)"'
    rates = " or ".join(f"rate({write_selector(metric, spans)}[{window}])" for metric in metrics)
    return f"sum by ({write_labels(by)}) ({rates})"


def _own(source: Source, label: str) -> str:
    """A label as its metric has it: with the dots of OpenTelemetry where the metric's name has them."""
    return label.replace("_", ".") if "." in source.metric else label


def _further(source: Source) -> tuple[str, ...]:
    return tuple(_own(source, label) for label in (*source.peers, *_FURTHER))


def _end_labels(place: int, _: str, labels: Sequence[str]) -> dict[str, str]:
    """The span's own service is the client; all that is known of the server is a name."""
    if place:
        return {labels[-1]: _PEER}
    dot = "." if "." in labels[-1] else "_"
    return {label: f"service{dot}namespace" if "namespace" in label else label for label in labels[:-1]} | {
        labels[-1]: f"service{dot}name"
    }


def _derive(source: Source, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The first peer label that says something, and what kind of server it is."""
    said = {label: labels.get(_own(source, label), "") for label in (*source.peers, *_FURTHER)}
    peer = next((said[label] for label in source.peers if said[label]), "")
    queue = said["messaging_system"] or said["span_kind"].endswith("PRODUCER")
    connection = MESSAGING if queue else DATABASE if said["db_system"] else ""
    return {**labels, _PEER: peer, CONNECTION: connection}


SPAN_METRICS = Family(_query, _end_labels, further=_further, derived=(_PEER,), derive=_derive)
