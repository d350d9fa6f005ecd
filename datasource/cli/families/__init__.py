"""What is known about metric names: one family of instrumentation a file."""

from collections.abc import Callable

from datasource.cli.families.family import Calls, Family, Proposed
from datasource.cli.families.http_server import find_grpc_server, find_http_server
from datasource.cli.families.istio import find_istio, istio_calls
from datasource.cli.families.kubernetes import container_signals, find_containers
from datasource.cli.families.node_exporter import find_nodes
from datasource.cli.families.processes import find_prometheus_itself, find_targets, process_signals
from datasource.cli.families.recording_rules import find_recording_rules, recorded_calls
from datasource.cli.families.service_graph import call_signals, service_graph_calls
from datasource.cli.families.span_metrics import find_span_metrics
from datasource.cli.survey import Survey

__all__ = ["FAMILIES", "Calls", "Family", "Proposed", "find_calls", "further_signals"]

FAMILIES: tuple[Callable[[Survey], Family | None], ...] = (
    find_recording_rules,
    find_span_metrics,
    find_istio,
    find_http_server,
    find_grpc_server,
    find_containers,
    find_nodes,
    find_prometheus_itself,
    find_targets,
)
"""The first that finds something decides what is measured."""


def further_signals(survey: Survey, family: Family, labels: tuple[str, ...]) -> tuple[Proposed, ...]:
    """What other instrumentation says about the same entities; of one name, the first that has them is taken."""
    if family.entity in ("instance", "target", "container"):
        return ()
    calls = () if any(signal.entity == "call" for signal in family.signals) else call_signals(survey)
    return (*container_signals(survey, labels), *process_signals(survey, labels), *calls)


def find_calls(survey: Survey, family: Family, labels: tuple[str, ...]) -> Calls | None:
    """Who calls whom, where some metric says so."""
    if family.entity not in ("service", "workload"):
        return None
    return recorded_calls(survey) or istio_calls(survey, labels) or service_graph_calls(survey, labels)
