"""Reading every relation: its sources side by side, each failing for itself."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from datasource.data import Entity
from datasource.prometheus import PrometheusClient, PrometheusError
from datasource.settings import Settings, Source, format_duration
from datasource.topology.calls import with_calls
from datasource.topology.directory import Directory
from datasource.topology.family import read_metric
from datasource.topology.listed import read_list
from datasource.topology.mapping import Mapped, map_sightings
from datasource.topology.merge import merge
from datasource.topology.parts import read_parts
from datasource.topology.shared import only_shared, shared_sightings
from datasource.topology.sighting import Sighting, SourceError, Span
from datasource.topology.sources import FAMILIES, SERVERS, end_types
from datasource.topology.tie import EntityRelation, Topology

_LOOKS = 100
"""This many looks across the baseline find every pair that ever talked, at little cost."""

Place = tuple[str, str]
"""A source: its relation, and its name there."""


class _Good(NamedTuple):
    """What a source said when it last answered, and when (seconds)."""

    sightings: list[Sighting]
    at: int


class TopologyReader:
    """Reads the ties again and again. Of a source that fails, what it said last is kept, and a notice says how old."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._good: dict[Place, _Good] = {}

    def read(self, client: PrometheusClient | None, entities: Iterable[Entity], start: int, end: int) -> Topology:
        """The ties of every configured relation, seen between `start` and `end` (seconds).

        A source that fails contributes a notice, not an error: the others are still good. Without a client,
        only lists are read.
        """
        step = int(self.settings.step)
        span = Span(start, end, max(step, (end - start) // _LOOKS // step * step))
        said = self._ask_all(client, span)
        entities = list(entities)
        directory = Directory(entities)
        ties: list[EntityRelation] = []
        notices: list[str] = []
        for relation, declared in self.settings.relations.items():
            for name, source in declared.named_sources.items():
                if source.source == "part_of":
                    said[relation, name] = read_parts(entities, *self.settings.ends(relation).values())
            found, told = self._relation(relation, said, directory, end)
            ties += found
            notices += told
        return Topology(tuple(ties), tuple(dict.fromkeys(notices)))

    def _ask_all(self, client: PrometheusClient | None, span: Span) -> dict[Place, list[Sighting] | str]:
        """What each source says, or why it does not; several at a time."""
        places = {
            (relation, name): source
            for relation, declared in self.settings.relations.items()
            for name, source in declared.named_sources.items()
            if source.source not in ("relation", "part_of")
        }
        with ThreadPoolExecutor(self.settings.prometheus.concurrency) as pool:
            answers = pool.map(lambda place: self._ask(place, places[place], client, span), places)
            return dict(zip(places, answers, strict=True))

    def _ask(self, place: Place, source: Source, client: PrometheusClient | None, span: Span) -> list[Sighting] | str:
        if source.source == "list":
            return read_list(source)
        if client is None:
            whence = "Prometheus" if source.source in FAMILIES else "a server"
            return f"comes from {whence}, and there is none here; give it as a list"
        try:
            if source.source in SERVERS:
                return SERVERS[source.source](source, self._block(place), span)
            return read_metric(source, FAMILIES[source.source], end_types(self.settings, place[0]), client, span)
        except (PrometheusError, SourceError) as error:
            return f"cannot be read: {error}"

    def _block(self, place: Place) -> str:
        """Where a source stands in the settings."""
        declared = self.settings.relations[place[0]]
        inside = f".sources[{list(declared.named_sources).index(place[1])}]" if declared.sources else ""
        return f"relations.{place[0]}{inside}"

    def _relation(
        self, relation: str, said: dict[Place, list[Sighting] | str], directory: Directory, now: int
    ) -> tuple[list[EntityRelation], list[str]]:
        declared = self.settings.relations[relation]
        by_source: dict[str, list[Mapped]] = {}
        notices: list[str] = []
        derived: set[str] = set()
        for name, source in declared.named_sources.items():
            if source.source == "relation":
                sightings, told = list(self._shared(relation, source.relation, said)), ""
                derived.add(name)
            else:
                sightings, told = self._heard((relation, name), said[relation, name], now)
            notices += [f"relation '{relation}', {name}: {told}"] if told else []
            by_source[name], missed = map_sightings(self.settings, relation, name, sightings, directory)
            notices += missed
        unwaited, wrong = self._asynchronous(relation, directory)
        ties, unnamed = with_calls(self.settings, relation, merge(relation, by_source, unwaited))
        shared = only_shared(ties, derived)
        if derived and not shared:
            notices.append(f"relation '{relation}': no two clients call the same database or queue")
        return shared, [*notices, *wrong, *unnamed]

    def _heard(self, place: Place, said: list[Sighting] | str, now: int) -> tuple[list[Sighting], str]:
        """What a source says now, or what it said last, and what there is to tell about that."""
        if not isinstance(said, str):
            self._good[place] = _Good(said, now)
            return said, "" if said else "nobody called anybody"
        good = self._good.get(place)
        if good is None:
            return [], said
        return good.sightings, f"{said}; what it said {format_duration(max(0, now - good.at))} ago is kept"

    def _shared(self, relation: str, of: str, said: dict[Place, list[Sighting] | str]) -> Iterator[Sighting]:
        ends, called = end_types(self.settings, relation), end_types(self.settings, of)
        for name in self.settings.relations[of].named_sources:
            answer = said.get((of, name), "")
            good = self._good.get((of, name))
            calls = answer if not isinstance(answer, str) else good.sightings if good else []
            yield from shared_sightings(calls, called, ends)

    def _asynchronous(self, relation: str, directory: Directory) -> tuple[list[tuple[Entity, Entity]], list[str]]:
        pairs: list[tuple[Entity, Entity]] = []
        notices: list[str] = []
        ends = list(self.settings.ends(relation).values())
        for rule in self.settings.relations[relation].asynchronous:
            found = [
                directory.find(entity_type, self.settings.entities[entity_type].labels, name)
                for entity_type, name in zip(ends[:2], (rule.cause, rule.effect), strict=True)
            ]
            if isinstance(found[0], Entity) and isinstance(found[1], Entity):
                pairs.append((found[0], found[1]))
            else:
                notices.append(f"relation '{relation}', asynchronous '{rule.cause} -> {rule.effect}': no such pair")
        return pairs, notices


def read_topology(
    settings: Settings, client: PrometheusClient | None, entities: Iterable[Entity], start: int, end: int
) -> Topology:
    """The ties of every configured relation, read once; see `TopologyReader.read`."""
    return TopologyReader(settings).read(client, entities, start, end)
