"""Do the blocks of causal.yaml fit together? Each finding names its place and the fix."""

import re
from collections.abc import Iterator, Mapping

from datasource.settings.duration import format_duration
from datasource.settings.finding import Finding, Place, known
from datasource.settings.foreign import foreign_text
from datasource.settings.graph_consistency import graph_findings, unknown_variable
from datasource.settings.model import Settings
from datasource.settings.promql import is_ratio, range_seconds
from datasource.settings.relations import Source
from datasource.settings.remedy_consistency import remedy_findings
from datasource.settings.web import token_files

__all__ = ["Finding", "Place", "find_inconsistencies", "known", "unknown_variable"]


def find_inconsistencies(settings: Settings) -> list[Finding]:
    """Everything that names what is not there, or cannot be computed as written."""
    return [
        *_grid(settings),
        *_entities(settings),
        *_signals(settings),
        *_shares(settings),
        *_relations(settings),
        *graph_findings(settings),
        *remedy_findings(settings),
        *_environment(settings),
        *_thresholds(settings),
        *_experiments(settings),
        *_federation(settings),
    ]


def _experiments(settings: Settings) -> Iterator[Finding]:
    """Outcomes and guards are variables."""
    for name, plan in settings.experiments.plans.items():
        for key, variable in (("outcome", plan.outcome), *(("guards", guard) for guard in plan.guards)):
            place = ("experiments", "plans", name, key)
            if "." not in variable:
                yield place, f"'{variable}' is no variable; write it as shop/web.latency"
            else:
                yield from unknown_variable(settings, place, variable)


def _federation(settings: Settings) -> Iterator[Finding]:
    """It tells of signals that are there, to somebody, of points that are there."""
    own = settings.federation
    if own is None:
        return
    for index, name in enumerate(own.signals):
        if name not in settings.signals:
            yield ("federation", "signals", index), f"no signal '{name}'; {known(name, settings.signals)}"
    if not token_files(settings.web, settings.writes):
        example = "web: {tokens: {others: {file: /run/secrets/others-token, scope: sums}}}"
        yield ("federation",), f"sums are told to tokens only; name one, as {example}"
    if own.least_points * 2 > settings.recent_points:
        text = f"the baseline holds {settings.recent_points} points; lower it to half of that at most"
        yield ("federation", "least_points"), text


def _grid(settings: Settings) -> Iterator[Finding]:
    if settings.step % 1:
        yield ("step",), f"{settings.step} s is not a whole number of seconds"
    if settings.recent_points < settings.evaluation.warm_up:
        short = "full_resolution" if settings.full_resolution < settings.baseline else "baseline"
        yield (
            (short,),
            f"{format_duration(getattr(settings, short))} holds {settings.recent_points} points at a step of "
            f"{format_duration(settings.step)}, fewer than evaluation.warm_up ({settings.evaluation.warm_up}); "
            "make it longer",
        )


_OURS = {"signal", "symptom", "root_cause", "is_root_cause", "treatment", "outcome", "intervention"}


def _entities(settings: Settings) -> Iterator[Finding]:
    """Results carry the entity's labels; they must tell results apart."""
    seen: dict[frozenset[str], str] = {}
    for name, entity in settings.entities.items():
        for index, label in enumerate(entity.labels):
            if label in _OURS:
                text = f"results have a label '{label}' of their own; rename it with label_replace in the queries"
                yield ("entities", name, "labels", index), text
        twin = seen.setdefault(frozenset(entity.labels), name)
        if twin != name:
            text = (
                f"the same labels as '{twin}', so that results could not be told apart; give one of them another label"
            )
            yield ("entities", name), text


_ADDRESSES = {
    "loki": "http://loki:3100",
    "victorialogs": "http://victorialogs:9428",
    "tempo": "http://tempo:3200",
}


def _signals(settings: Settings) -> Iterator[Finding]:
    for name, signal in settings.signals.items():
        place: Place = ("signals", name)
        if signal.entity not in settings.entities:
            yield (
                (*place, "entity"),
                f"no entity type '{signal.entity}'; {known(signal.entity, settings.entities)}",
            )
        if signal.end != "client" and signal.entity != "call":
            yield (*place, "end"), f"only a call is measured at its server's end; '{signal.entity}' is no call"
        if signal.source not in settings.servers:
            block = f"{signal.source}: {{url: {_ADDRESSES[signal.source]}}}"
            yield (*place, "source"), f"there is no {signal.source} block; add one with its url, as {block}"
        own = settings.entities[signal.entity].labels if signal.entity in settings.entities else ()
        for label in signal.labels:
            if own and label not in own:
                text = f"entity type '{signal.entity}' has no label '{label}'; {known(label, own)}"
                yield (*place, "labels", label), text
        if signal.encode != "count" and signal.kind != "event":
            yield (*place, "encode"), f"only events are encoded; add kind: event, or remove encode: {signal.encode}"
        if signal.source == "prometheus" and (text := foreign_text(signal.query)):
            yield (*place, "query"), text
            continue
        if signal.window < 1:
            yield (*place, "window"), "shorter than a second; give the [range] inside the query"
            continue
        if signal.source not in ("prometheus", "loki"):
            continue
        ranges = [format_duration(seconds) for seconds in range_seconds(signal.query)]
        if ranges and format_duration(signal.window) not in ranges:
            yield (
                (*place, "window"),
                f"{format_duration(signal.window)}, but the query looks back over {' and '.join(ranges)}; "
                f"write window: {ranges[0]}, or change the [range] in the query",
            )


_OF_SHARES = ("percentunit", "percent")


def _shares(settings: Settings) -> Iterator[Finding]:
    """A share is no number of requests: it must not be divided by them again."""
    for name, signal in settings.signals.items():
        place: Place = ("signals", name)
        if signal.source != "prometheus":
            continue
        share = signal.unit in _OF_SHARES
        if signal.role in ("failure", "success") and not share and is_ratio(signal.query):
            yield (
                (*place, "unit"),
                f"the query is a ratio, and unit: {signal.unit} makes it a number of requests; write unit: "
                + ("percent" if re.search(r"\b100\b", signal.query) else "percentunit"),
            )
        elif signal.role == "load" and (share or is_ratio(signal.query)):
            yield (
                (*place, "role"),
                f"{signal.unit if share else 'a ratio'} counts no requests; write role: saturation, or leave it out",
            )
        elif signal.role == "work" and (share or is_ratio(signal.query)):
            yield (
                (*place, "role"),
                "work is seconds per second, which requests are divided out of; a mean duration is role: latency, "
                "a share of time role: saturation",
            )


def _relations(settings: Settings) -> Iterator[Finding]:
    for name, relation in settings.relations.items():
        place: Place = ("relations", name)
        if relation.ends and len(relation.ends) != 2:
            yield (*place, "ends"), "a relation has two ends, as {client: service, server: service}"
            continue
        ends = settings.ends(name)
        for end, entity in ends.items():
            if entity not in settings.entities:
                there = (*place, "ends", end) if end in relation.ends else place
                yield there, f"no entity type '{entity}' for '{end}'; {known(entity, settings.entities)}"
        for index, source in enumerate(relation.named_sources.values()):
            inside = (*place, "sources", index) if relation.sources else place
            yield from _labels(settings, (*inside, "labels"), source, ends)
            if source.source == "relation":
                yield from _derived(settings, (*inside, "relation"), name, source)


def _labels(settings: Settings, place: Place, source: Source, ends: Mapping[str, str]) -> Iterator[Finding]:
    for end, labels in source.labels.items():
        if end not in ends:
            yield (*place, end), f"no end '{end}'; {known(end, ends)}"
            continue
        own = settings.entities[ends[end]].labels if ends[end] in settings.entities else ()
        for label in labels:
            if own and label not in own:
                yield (*place, end, label), f"entity type '{ends[end]}' has no label '{label}'; {known(label, own)}"


def _derived(settings: Settings, place: Place, name: str, source: Source) -> Iterator[Finding]:
    others = [other for other in settings.relations if other != name]
    if source.relation not in others:
        yield place, f"no other relation '{source.relation}'; {known(source.relation, others)}"
    elif any(one.source == "relation" for one in settings.relations[source.relation].named_sources.values()):
        yield place, f"'{source.relation}' is itself taken from a relation; name the one it is taken from"


def _environment(settings: Settings) -> Iterator[Finding]:
    labels = {label for entity in settings.entities.values() for label in entity.labels}
    for index, name in enumerate(settings.environment):
        if name not in labels:
            yield ("environment", index), f"no entity has a label '{name}'; {known(name, labels)}"


def _thresholds(settings: Settings) -> Iterator[Finding]:
    for name in settings.anomaly.thresholds:
        if name not in settings.signals:
            yield ("anomaly", "thresholds", name), f"no signal '{name}'; {known(name, settings.signals)}"
