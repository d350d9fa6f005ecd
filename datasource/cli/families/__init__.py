"""What is known about metric names: the packs, and one further family of instrumentation a file."""

from collections.abc import Callable

from datasource.cli.families.family import Family, Proposed
from datasource.cli.families.http_server import find_http_server, find_rpc_server
from datasource.cli.families.other_server import find_other_server
from datasource.cli.families.packs import find_pack, pack_finder
from datasource.cli.families.processes import find_prometheus_itself, find_targets, process_signals
from datasource.cli.families.recording_rules import find_recording_rules, recorded_calls
from datasource.cli.families.service_graph import METRIC as SERVICE_GRAPH
from datasource.cli.families.service_graph import GraphLabels, find_service_graph, graph_labels
from datasource.cli.families.span_names import find_span_names
from datasource.cli.families.spans import find_spans
from datasource.cli.survey import Survey

__all__ = [
    "BEHIND",
    "FAMILIES",
    "INSIDE",
    "SERVICE_GRAPH",
    "Family",
    "GraphLabels",
    "Proposed",
    "find_pack",
    "find_service_graph",
    "find_span_names",
    "further_signals",
    "graph_labels",
    "recorded_calls",
]

BEHIND = (
    "postgresql",
    "mysql",
    "redis",
    "kafka",
    "rabbitmq",
    "ingress_nginx",
    "nginx",
    "envoy",
    "coredns",
)
"""Packs of what services stand on, each with entities of its own."""
INSIDE = ("container_pressure", "jvm", "go_runtime", "python_runtime")
"""Packs that say more about services that are measured already."""

FAMILIES: tuple[Callable[[Survey], Family | None], ...] = (
    find_recording_rules,
    find_spans,
    pack_finder("opentelemetry"),
    pack_finder("istio"),
    pack_finder("linkerd"),
    find_http_server,
    find_rpc_server,
    find_other_server,
    pack_finder("kubernetes"),
    *map(pack_finder, BEHIND),
    pack_finder("node_exporter"),
    find_prometheus_itself,
    find_targets,
)
"""The first that finds something decides what is measured."""


def further_signals(survey: Survey, family: Family, labels: tuple[str, ...]) -> tuple[Proposed, ...]:
    """What other instrumentation says about the same entities; of one name, the first that has them is taken."""
    return process_signals(survey, labels) if family.entity in ("service", "server") else ()
