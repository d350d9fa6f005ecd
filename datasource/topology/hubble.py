"""Hubble's HTTP metrics, with the source and destination labels that its `labelsContext` option adds.

Where both ends report a call, the end that saw more of them counts.
"""

from collections.abc import Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family, prefixed_labels


def _query(source: Source, by: Sequence[str], window: str) -> str:
    ends = write_labels(by)
    rates = f"rate({source.metric or 'hubble_http_requests_total'}[{window}])"
    return f"max by ({ends}) (sum by ({ends}, reporter) ({rates}))"


HUBBLE = Family(_query, prefixed_labels(("source_", "destination_"), "workload", "namespace"))
