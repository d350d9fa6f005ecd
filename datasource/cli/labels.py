"""Which labels tell services apart: they differ from one installation to the next."""

from collections.abc import Sequence
from typing import NamedTuple

from datasource.cli.survey import Survey
from datasource.library.text import count
from datasource.topology.family import PLACEHOLDER

SERVICE = (
    "service",
    "service_name",
    "service.name",
    "app",
    "app_kubernetes_io_name",
    "app_name",
    "application",
    "destination_workload",
    "workload",
    "deployment",
    "exported_service",
    "exported_job",
    "job",
)
"""Labels that name a service, the most telling first."""

NAMESPACE = (
    "namespace",
    "service_namespace",
    "service.namespace",
    "exported_namespace",
    "destination_workload_namespace",
    "k8s_namespace_name",
    "k8s.namespace.name",
    "kubernetes_namespace",
)
CLUSTER = ("cluster", "k8s_cluster_name", "k8s.cluster.name", "cluster_name", "destination_cluster")


class Identity(NamedTuple):
    """The labels that tell entities apart, the name last; their combinations; why these; and the pattern of names that
    are nobody's, where there are any."""

    labels: tuple[str, ...]
    values: frozenset[tuple[str, ...]]
    findings: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()


def identify(survey: Survey, metric: str, names: Sequence[str], made: str = "") -> Identity | None:
    """The labels of `metric` that tell its entities apart, the name being one of `names`; None when it has none.

    Of the labels that could be the name, the first that takes at least half as many values as any other does:
    a label that says the same of everything is no name. Namespace and cluster join where they take several values.
    A name that is `made` from others is no label of the metric, and nothing is known of its values.
    """
    if made:
        several = [label for label in ("cluster", "namespace") if _distinct(survey, metric, label) > 1]
        return Identity((*dict.fromkeys((*several, "namespace")), made), frozenset())
    counts = {label: _distinct(survey, metric, label) for label in names if label in survey.labels(metric)}
    most = max(counts.values(), default=0)
    if not most:
        return None
    name = next(label for label, found in counts.items() if 2 * found >= most)
    findings = [f"'{name}' is the name ({count(counts[name], 'value')}{_others(name, counts)})"]
    labels = [name]
    for kind, candidates in (("namespace", NAMESPACE), ("cluster", CLUSTER)):
        there = {label: _distinct(survey, metric, label) for label in candidates if label in survey.labels(metric)}
        several = [label for label, found in there.items() if found > 1]
        if several:
            labels.insert(0, several[0])
            findings.append(f"'{several[0]}' is the {kind} ({count(there[several[0]], 'value')})")
        elif any(there.values()):
            only = next(label for label, found in there.items() if found)
            findings.append(f"'{only}' has a single value and is left out; add it if another {kind} comes")
    nobody = [value for value in survey.values(metric, [name]) if PLACEHOLDER.fullmatch(value[-1])]
    values = {value: many for value, many in survey.values(metric, labels).items() if (value[-1],) not in nobody}
    complete = frozenset(value for value in values if all(value))
    if not complete:  # no series has both a name and a namespace
        labels = [name]
        complete = frozenset(v for v in survey.values(metric, labels) if all(v) and v not in nobody)
        findings = findings[:1]
    elif incomplete := [value for value in values if value[-1] and not all(value)]:
        findings.append(f"{len(incomplete)} entities lack one of {', '.join(labels)} and cannot be told apart")
    if nobody:
        names = ", ".join(repr(value) for (value,) in sorted(nobody))
        findings.append(f"{names} names nobody, and is left out; give it a name, as by OTEL_SERVICE_NAME")
    return Identity(tuple(labels), complete, tuple(findings), (PLACEHOLDER.pattern,) if nobody else ())


def _distinct(survey: Survey, metric: str, label: str) -> int:
    return sum(1 for (value,) in survey.values(metric, [label]) if value)


def _others(name: str, counts: dict[str, int]) -> str:
    others = [f"'{label}' has {found}" for label, found in counts.items() if label != name and found]
    return f"; {', '.join(others)}" if others else ""
