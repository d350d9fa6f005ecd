"""Tempo's metrics generator and the OpenTelemetry collector's servicegraph connector: spans paired into calls."""

from collections.abc import Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import CONNECTION, Family

METRIC = "traces_service_graph_request_total"


def _query(source: Source, by: Sequence[str], window: str) -> str:
    return f"sum by ({write_labels(by)}) (rate({source.metric or METRIC}[{window}]))"


SERVICE_GRAPH = Family(_query, further=lambda _: (CONNECTION,))
