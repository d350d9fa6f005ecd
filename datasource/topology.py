"""How entities are tied: who calls whom, read from service-graph metrics or from a list in the settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from datasource.settings import Relation, Settings, format_duration
from datasource.telemetry import Entity, PrometheusClient, PrometheusError

_SERVICE_GRAPH = "traces_service_graph_request_total"
_MESSAGING = "messaging_system"


class Tie(NamedTuple):
    """One pair of entities in a relation.

    `ends` holds (end, entity), in the order of the relation, the call entity last. `waits` is False where
    the client does not wait for the server, as with messages. `rate` is the mean number of calls per second
    and `last_seen` the newest time (seconds) at which there were any; both None for a tie from a list.
    """

    relation: str
    ends: tuple[tuple[str, Entity], ...]
    waits: bool = True
    rate: float | None = None
    last_seen: int | None = None

    def end(self, name: str) -> Entity | None:
        """The entity at an end, None where this tie has no such end."""
        return next((entity for end, entity in self.ends if end == name), None)


@dataclass(frozen=True)
class Topology:
    """Every tie, and what could not be mapped onto an entity."""

    ties: tuple[Tie, ...] = ()
    notices: tuple[str, ...] = ()

    def along(self, relation: str) -> tuple[Tie, ...]:
        """The ties of one relation."""
        return tuple(tie for tie in self.ties if tie.relation == relation)


def read_topology(
    settings: Settings, client: PrometheusClient | None, entities: Iterable[Entity], start: int, end: int
) -> Topology:
    """The ties of every configured relation, seen between `start` and `end` (seconds).

    A relation whose source fails contributes a notice, not an error: the others are still good.
    Without a client, only relations from lists are read.
    """
    directory = _Directory(entities)
    ties: list[Tie] = []
    notices: list[str] = []
    for name, relation in settings.relations.items():
        if relation.source == "list":
            found, said = _from_list(settings, name, relation, directory)
        elif client is None:
            found, said = [], [f"relation '{name}' comes from Prometheus, and there is none here; give it as a list"]
        else:
            found, said = _from_metric(settings, name, relation, directory, client, (start, end))
        ties += found
        notices += said
    return Topology(tuple(ties), tuple(notices))


def end_labels(settings: Settings, relation: str) -> dict[str, dict[str, str]]:
    """For each end, which label of the relation's metric gives which label of the entity.

    The end's own name gives the entity's last label, `<end>_<label>` the others, unless `labels` says otherwise.
    """
    configured = settings.relations[relation].labels
    mapping = {}
    for end, entity in list(settings.ends(relation).items())[:2]:
        labels = settings.entities[entity].labels
        own = {label: f"{end}_{label}" for label in labels[:-1]} | {labels[-1]: end}
        mapping[end] = own | configured.get(end, {})
    return mapping


class _Directory:
    """Finds entities by part of their labels."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._by_type: dict[str, list[Entity]] = {}
        for entity in sorted(set(entities)):
            self._by_type.setdefault(entity.type, []).append(entity)

    def find(self, entity_type: str, labels: Sequence[str], values: Mapping[str, str]) -> Entity | str:
        """The entity with these label values, or why there is none."""
        if all(label in values for label in labels):
            return Entity(entity_type, tuple((label, values[label]) for label in labels))
        wanted = values.items()
        found = [e for e in self._by_type.get(entity_type, []) if wanted <= dict(e.labels).items()]
        shown = "/".join(values.values()) or "nothing"
        if len(found) == 1:
            return found[0]
        if found:
            return f"'{shown}' may be any of {', '.join(map(str, found))}"
        return f"'{shown}' is no measured {entity_type}"

    def named(self, entity_type: str, labels: Sequence[str], name: str) -> Entity | str:
        """The entity shown as `name`, or whose last label is `name`, or why there is none."""
        parts = name.split("/")
        return self.find(entity_type, labels, dict(zip(labels[-len(parts) :], parts, strict=False)))


def _from_list(settings: Settings, name: str, relation: Relation, directory: _Directory) -> tuple[list[Tie], list[str]]:
    ties, notices = [], []
    for pair in relation.pairs:
        ends: dict[str, Entity] = {}
        for (end, entity_type), text in zip(settings.ends(name).items(), (pair.cause, pair.effect), strict=False):
            found = directory.named(entity_type, settings.entities[entity_type].labels, text)
            if isinstance(found, str):
                notices.append(f"relation '{name}', pair '{pair.cause} -> {pair.effect}': {found}; it is left out")
                break
            ends[end] = found
        else:
            ties.append(Tie(name, _with_call(settings, name, ends)))
    return ties, notices


def _from_metric(
    settings: Settings,
    name: str,
    relation: Relation,
    directory: _Directory,
    client: PrometheusClient,
    span: tuple[int, int],
) -> tuple[list[Tie], list[str]]:
    mapping = end_labels(settings, name)
    labels = [label for end in mapping.values() for label in end.values()]
    query = relation.query or f"sum by ({', '.join([*labels, 'connection_type'])}) (rate({_SERVICE_GRAPH}[5m]))"
    start, end = span
    # A hundred looks across the baseline find every pair that ever talked, at little cost.
    step = max(int(settings.step), (end - start) // 100 // int(settings.step) * int(settings.step))
    try:
        series = [one for window in client.query_range(query, start, end, step) for one in window]
    except PrometheusError as error:
        return [], [f"relation '{name}' cannot be read: {error}"]
    if not series:
        seen = format_duration(end - start)
        return [], [f"relation '{name}': '{query}' returned nothing in the last {seen}; check the query"]
    ties, notices = [], []
    for one in series:
        rates = one.values[np.isfinite(one.values)]
        if not rates.size or not rates.any():
            continue
        ends: dict[str, Entity] = {}
        for which, entity_type in list(settings.ends(name).items())[:2]:
            values = {own: one.labels[there] for own, there in mapping[which].items() if one.labels.get(there)}
            found = directory.find(entity_type, settings.entities[entity_type].labels, values)
            if isinstance(found, str):
                notices.append(f"relation '{name}', {which}: {found}; it is left out")
                break
            ends[which] = found
        else:
            if len(set(ends.values())) < len(ends):
                notices.append(f"relation '{name}': {next(iter(ends.values()))} calls itself; it is left out")
                continue
            last = int(one.times[np.isfinite(one.values) & (one.values != 0)][-1])
            waits = one.labels.get("connection_type") != _MESSAGING
            ties.append(Tie(name, _with_call(settings, name, ends), waits, float(rates.mean()), last))
    return ties, list(dict.fromkeys(notices))


def _with_call(settings: Settings, relation: str, ends: Mapping[str, Entity]) -> tuple[tuple[str, Entity], ...]:
    """The ends, and the call entity that lies between them where the settings declare one."""
    if "call" not in settings.ends(relation):
        return tuple(ends.items())
    known: dict[str, str] = {}
    for end, entity in ends.items():
        known |= {f"{end}_{label}": value for label, value in entity.labels} | {end: entity.name}
    wanted = settings.entities["call"].labels
    if any(label not in known for label in wanted):
        return tuple(ends.items())
    return (*ends.items(), ("call", Entity("call", tuple((label, known[label]) for label in wanted))))
