"""Linkerd's response counter, as the clients' proxies see it."""

from collections.abc import Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family, prefixed_labels


def _query(source: Source, by: Sequence[str], window: str) -> str:
    selector = f'{source.metric or "response_total"}{{direction="outbound"}}'
    return f"sum by ({write_labels(by)}) (rate({selector}[{window}]))"


LINKERD = Family(_query, prefixed_labels(("", "dst_"), "deployment", "namespace"))
