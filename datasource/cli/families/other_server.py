"""Servers whose metrics of requests nobody listed: durations and counters of requests under any prefix."""

import re
from typing import NamedTuple

from datasource.cli.families.family import Family
from datasource.cli.families.http_server import Durations, http_signals
from datasource.cli.labels import SERVICE
from datasource.cli.survey import Survey

_DURATIONS = re.compile(
    r"(?P<base>(?P<prefix>(?:[a-z0-9]+_)*?)(?:requests?|responses?)_(?:processing_|handling_)?(?:duration|latency|time)_"
    r"(?P<unit>seconds|milliseconds|millis|ms)(?:_by_[a-z_]+)?)_count"
)
_COUNTED = "requests_total", "request_total", "requests_received_total", "requests_served_total"
_OF_OTHERS = re.compile(
    r"client|(?:prometheus|grafana|alertmanager|loki|tempo|mimir|cortex|thanos|pyroscope|promtail|alloy|agent|otelcol|"
    r"traces|vm|apiserver|kube\w*|etcd|rest|workqueue|aggregator|authentication|scheduler|cilium|coredns|argocd|"
    r"cert\w*|controller\w*|nginx|envoy|harbor|vault|consul|minio|elasticsearch|node)_"
)
"""What watches or carries services, or is asked by them, and has no such names of its own."""


class _Found(NamedTuple):
    """How many services have these durations, whether they call themselves those of services, and they."""

    services: int
    by_service: bool
    durations: Durations
    prefix: str


def find_other_server(survey: Survey) -> Family | None:
    """Requests, errors, busy seconds and mean latency of servers, by the metric that tells most of them apart."""
    found = []
    for name in sorted(survey.names):
        match = _DURATIONS.fullmatch(name)
        if not match or _OF_OTHERS.match(name) or "client_" in name or not survey.alive(name):
            continue
        labels = [label for label in SERVICE if label in survey.labels(name)]
        services = max((len(survey.values(name, [label])) for label in labels), default=0)
        durations = Durations(match["base"], 1 if match["unit"] == "seconds" else 1000)
        found.append(_Found(services, "service" in match["prefix"], durations, match["prefix"]))
    if not any(one.services for one in found):
        return None
    chosen = max(found, key=lambda one: (one.services, one.by_service, -len(one.durations.base)))
    counter = survey.first(*(chosen.prefix + counted for counted in _COUNTED))
    signals = http_signals(survey, counter, chosen.durations)
    missing = () if any(one.role == "failure" for one in signals) else ("no label has the status: errors are missing",)
    return Family("metrics of requests", "service", signals[0].metric, SERVICE, signals, missing)
