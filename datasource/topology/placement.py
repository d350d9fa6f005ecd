"""Who runs where: kube-state-metrics' kube_pod_info, a pod taken for the workload that created it."""

import re
from collections.abc import Mapping, Sequence

from datasource.settings import Source
from datasource.settings.promql import write_labels
from datasource.topology.family import Family

_WORKLOAD = "workload"
_CREATED_BY = ("created_by_kind", "created_by_name")
_ENDINGS = {
    # Kubernetes writes hashes in letters that spell no words
    "ReplicaSet": re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{1,10}$"),
    "Job": re.compile(r"-\d+$"),
}


def _query(source: Source, by: Sequence[str], _: str) -> str:
    return f'sum by ({write_labels(by)}) ({source.metric or "kube_pod_info"}{{node!=""}})'


def _end_labels(place: int, _: str, labels: Sequence[str]) -> dict[str, str]:
    if place:
        return {label: label for label in labels[:-1]} | {labels[-1]: "node"}
    others = {label: "namespace" if "namespace" in label else label for label in labels[:-1]}
    return others | {labels[-1]: _WORKLOAD}


def workload(kind: str, name: str) -> str:
    """The workload behind a pod's creator: a ReplicaSet's Deployment, a Job's CronJob; empty where there is none.

    >>> workload("ReplicaSet", "cart-7d9c8b6f5d")
    'cart'
    """
    if name == "<none>":
        return ""
    return _ENDINGS[kind].sub("", name) if kind in _ENDINGS else name


def _derive(_: Source, labels: Mapping[str, str]) -> Mapping[str, str]:
    kind, name = (labels.get(label, "") for label in _CREATED_BY)
    return {_WORKLOAD: workload(kind, name), **labels}


KUBE_POD_INFO = Family(
    _query, _end_labels, further=lambda _: _CREATED_BY, derived=(_WORKLOAD,), derive=_derive, counts=False
)
