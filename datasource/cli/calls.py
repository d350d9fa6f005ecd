"""Who calls whom and who runs where: the sources whose ties are between measured entities."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from datasource.cli.families import (
    SERVICE_GRAPH,
    find_service_graph,
    find_span_names,
    graph_labels,
    recorded_calls,
)
from datasource.cli.survey import Survey
from datasource.data import Entity
from datasource.library.text import count
from datasource.settings import Relation, Settings
from datasource.topology import read_topology

_METRICS = {
    "service_graph": SERVICE_GRAPH,
    "istio": "istio_requests_total",
    "linkerd": "response_total",
    "hubble": "hubble_http_requests_total",
}
_PEERS = set(Relation.model_fields["peers"].default)
_LOOK_BACK = 3600


class Found(NamedTuple):
    """A relation as the file shall say it, None where a pack says it so already or it has no ties; what was found."""

    relation: Mapping[str, Any] | None
    ties: int
    findings: tuple[str, ...]


def find_calls(survey: Survey, settings: Settings, entity: str, brought: str) -> Found:
    """Every source of calls that has ties between measured entities. `brought` is the source that a pack names."""
    labels = settings.entities[entity].labels
    found: dict[str, int] = {}
    sources: list[Mapping[str, Any]] = []
    for kind, source in _sources(survey, labels, settings):
        ties = count_ties(survey, settings, "calls", {**source, "ends": {"client": entity, "server": entity}})
        if ties:
            found[kind] = ties
            sources.append(source)
    metrics = [metric for metric in _metrics(survey).values() if survey.alive(metric)]
    if not (found or metrics):
        return Found(None, 0, ())
    if not found:
        said = (
            f"relation calls left out: no client and server of {metrics[0]} are both among these entities; "
            "give the relation 'labels' that map the names, or list the calls",
        )
        return Found(None, 0, said)
    total = max(found.values())
    told = (f"relation calls: {count(total, 'pair')}, from {', '.join(found)}",)
    if list(found) == [brought] and set(sources[0]) <= {"source", "reporter", "metric"}:
        return Found(None, total, told)
    ends = {"ends": {"client": entity, "server": entity}}
    return Found({**sources[0], **ends} if len(sources) == 1 else {"sources": sources, **ends}, total, told)


def _sources(survey: Survey, labels: tuple[str, ...], settings: Settings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Sources that have samples, as the file would say them."""
    if rule := recorded_calls(survey):
        yield rule, {"source": "metric", "query": rule}
    for kind, metric in _metrics(survey).items():
        if not survey.alive(metric):
            continue
        source: dict[str, Any] = {"source": kind, **({"metric": metric} if metric != _METRICS[kind] else {})}
        if kind == "service_graph":
            known = graph_labels(survey, labels)
            for end, there in (("client", known.client), ("server", known.server)):
                usual = (*(f"{end}_{label}" for label in labels[:-1]), end)
                pairs = zip(labels, there, usual, strict=True)
                changed = {own: label for own, label, default in pairs if label != default}
                if changed:
                    source.setdefault("labels", {})[end] = changed
        if kind == "istio" and "reporter" in (settings.packs.get("istio") or {}):
            source["reporter"] = settings.packs["istio"]["reporter"]
        yield kind, source
    for names in find_span_names(survey):
        spans = f"{names['prefix']}calls_total"
        if _PEERS & survey.labels(spans):
            yield "span_metrics", {"source": "span_metrics", "metric": spans}
            break


def _metrics(survey: Survey) -> dict[str, str]:
    """Each source's metric, a service graph's under whatever prefix."""
    return {**_METRICS, "service_graph": find_service_graph(survey) or SERVICE_GRAPH}


def count_ties(survey: Survey, settings: Settings, name: str, relation: Mapping[str, Any]) -> int:
    """How many ties a relation would have had in the last hour between what is measured now."""
    end = int(survey.now // settings.step) * int(settings.step)
    ends = relation["ends"]
    measured = {one for kind in set(ends.values()) for one in _measured(survey, settings, kind)}
    one = settings.model_copy(update={"relations": {name: Relation.model_validate(relation)}})
    ties = read_topology(one, survey.client, measured, end - _LOOK_BACK, end).along(name)
    return sum({entity for _, entity in tie.ends[:2]} <= measured for tie in ties)


def _measured(survey: Survey, settings: Settings, entity: str) -> Iterator[Entity]:
    labels = settings.entities[entity].labels
    for signal in settings.signals.values():
        if signal.entity == entity:
            for series in survey.query(signal.query):
                values = tuple((label, series.labels.get(label, "")) for label in labels)
                if all(value for _, value in values):
                    yield Entity(entity, values)
