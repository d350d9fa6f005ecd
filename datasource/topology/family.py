"""Reading ties from a metric: one query for all pairs, looked at now and then across the baseline."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.prometheus import PrometheusClient, Series
from datasource.settings import Source, format_duration
from datasource.topology.sighting import End, Sighting, SourceError, Span
from datasource.topology.tie import MESSAGING

CONNECTION = "connection_type"
_SHORTEST_WINDOW = 300
PLACEHOLDER = re.compile(r"unknown(_service.*)?")
"""What proxies, SDKs and connectors call whoever was given no name: nobody."""

EndLabels = Callable[[int, str, Sequence[str]], dict[str, str]]
Query = Callable[[Source, Sequence[str], str], str]
Derive = Callable[[Source, Mapping[str, str]], Mapping[str, str]]


def usual_labels(_: int, end: str, labels: Sequence[str]) -> dict[str, str]:
    """The end's own name gives the entity's last label, `<end>_<label>` the others."""
    return {label: f"{end}_{label}" for label in labels[:-1]} | {labels[-1]: end}


def prefixed_labels(prefixes: tuple[str, str], name: str, namespace: str) -> EndLabels:
    """Labels that tell the two ends apart by a prefix: `name` for the entity, `namespace` for where it lives."""

    def end_labels(place: int, _: str, labels: Sequence[str]) -> dict[str, str]:
        prefix = prefixes[place]
        others = {label: prefix + (namespace if "namespace" in label else label) for label in labels[:-1]}
        return others | {labels[-1]: prefix + name}

    return end_labels


class Family(NamedTuple):
    """How a family of metrics names the two ends.

    `end_labels` gives, for an end's place, name and entity labels, which label of the metric holds which of the
    entity's. `query` is grouped by these and by `further` labels, less `derived` ones, which `derive` adds to every
    series' labels afterwards. Where it does not `count` calls, its values say only that there is a tie.
    """

    query: Query
    end_labels: EndLabels = usual_labels
    further: Callable[[Source], tuple[str, ...]] = lambda _: ()
    derived: tuple[str, ...] = ()
    derive: Derive = lambda _, labels: labels
    counts: bool = True


class EndType(NamedTuple):
    """An end of a relation: its name and its entity type's labels."""

    name: str
    labels: tuple[str, ...]


def label_mapping(source: Source, family: Family, ends: Sequence[EndType]) -> dict[str, dict[str, str]]:
    """For each end, which label of the metric gives which label of the entity."""
    return {
        end.name: family.end_labels(place, end.name, end.labels) | source.labels.get(end.name, {})
        for place, end in enumerate(ends)
    }


def read_metric(
    source: Source, family: Family, ends: Sequence[EndType], client: PrometheusClient, span: Span
) -> list[Sighting]:
    """Every pair with a value other than 0 in the span. Raises PrometheusError, SourceError."""
    mapping = label_mapping(source, family, ends)
    mapped = [label for end in mapping.values() for label in end.values() if label not in family.derived]
    whole = [label for end in ends for label in end.labels[:-1] if is_place(label)]
    by = tuple(dict.fromkeys((*mapped, *family.further(source), *whole)))
    # A look sees everything since the one before.
    query = source.query or family.query(source, by, format_duration(max(_SHORTEST_WINDOW, span.step)))
    pairs: dict[tuple[tuple[End, End], str], dict[float, float]] = {}
    empty = True
    first_look = span.end - (span.end - span.start) // span.step * span.step
    for window in client.query_range(query, first_look, span.end, span.step):
        for series in window:
            empty = False
            labels = family.derive(source, series.labels)
            first, second = (_end(source, family, end, mapping[end.name], labels) for end in ends)
            key = (first, second), labels.get(CONNECTION, "")
            _add(pairs.setdefault(key, {}), series)
    if empty:
        seen = format_duration(span.end - span.start)
        raise SourceError(f"'{query}' returned nothing in the last {seen}; check that the metric is there")
    return [
        Sighting(
            pair,
            connection != MESSAGING,
            connection,
            float(np.mean(list(rates.values()))) if family.counts else None,
            int(max(time for time, rate in rates.items() if rate)),
        )
        for (pair, connection), rates in pairs.items()
        if any(rates.values())
    ]


def _end(source: Source, family: Family, end: EndType, mapping: Mapping[str, str], labels: Mapping[str, str]) -> End:
    """Who is at an end; a place that neither end has of its own is that of the whole series, and so of both."""
    values = {
        own: labels.get(there, "") or (labels.get(own, "") if is_place(own) else "") for own, there in mapping.items()
    }
    name = values[end.labels[-1]]
    if PLACEHOLDER.fullmatch(name):
        return ""
    renamed = source.rename(name) if name else name
    if renamed != name and ("/" in renamed or not renamed):
        return renamed
    return tuple((values | {end.labels[-1]: renamed}).items())


def is_place(label: str) -> bool:
    """Whether a label says in which installation something is, which calls seldom leave.

    >>> is_place("k8s_cluster_name"), is_place("namespace")
    (True, False)
    """
    return any(word in label.lower() for word in ("cluster", "region", "datacenter", "environment"))


def _add(rates: dict[float, float], series: Series) -> None:
    """Series of the same pair add up, time by time."""
    there = np.isfinite(series.values)
    for time, value in zip(series.times[there].tolist(), series.values[there].tolist(), strict=True):
        rates[time] = rates.get(time, 0.0) + value
