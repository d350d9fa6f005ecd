"""From the names that sources give to entities; whoever cannot be mapped is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from datasource.data import Entity
from datasource.settings import Settings
from datasource.topology.directory import Directory, Unknown
from datasource.topology.family import is_place
from datasource.topology.sighting import Sighting

_SHOWN = 10


class Mapped(NamedTuple):
    """A sighting between two entities, by end."""

    ends: dict[str, Entity]
    sighting: Sighting


@dataclass
class _Missed:
    """Who could not be mapped, in the order of first sight."""

    unknown: dict[str, dict[str, str]] = field(default_factory=dict)
    ambiguous: dict[str, str] = field(default_factory=dict)
    themselves: dict[str, str] = field(default_factory=dict)
    nameless: dict[str, int] = field(default_factory=dict)
    placeless: int = 0

    def notices(self, prefix: str) -> list[str]:
        """A sentence for each reason, with at most ten names."""
        told = [
            f"{_some(names)} {'is' if len(names) == 1 else 'are'} no measured {entity_type}"
            for entity_type, names in self.unknown.items()
        ]
        told += [f"{_some(self.ambiguous, '; ')}"] if self.ambiguous else []
        told += [
            f"{count} series {'has' if count == 1 else 'have'} no name for the {end}; say in 'labels' which label it is"
            for end, count in self.nameless.items()
        ]
        notices = [f"{prefix}: {text}; left out" for text in told]
        if self.themselves:
            calls = "calls itself" if len(self.themselves) == 1 else "call themselves"
            notices.append(f"{prefix}: {_some(self.themselves)} {calls}; left out")
        if self.placeless:
            pairs = "1 pair does" if self.placeless == 1 else f"{self.placeless} pairs do"
            notices.append(f"{prefix}: {pairs} not say in which cluster; taken as a call within each")
        return notices


def map_sightings(
    settings: Settings, relation: str, source: str, sightings: Sequence[Sighting], directory: Directory
) -> tuple[list[Mapped], list[str]]:
    """The sightings whose two ends are entities, and notices of those left out.

    Telemetry may name an entity that is not measured, and it is real; a list may be misspelt, so that its entities
    must be measured where any of their type is.
    """
    must_be_measured = settings.relations[relation].named_sources[source].source == "list"
    types = list(settings.ends(relation).items())[:2]
    missed = _Missed()
    mapped: list[Mapped] = []
    for sighting in sightings:
        if "" in sighting.ends:
            continue  # a rule of the operator's made the name empty
        ends: dict[str, Entity] = {}
        unknown: list[tuple[str, str, Unknown]] = []
        for (end, entity_type), who in zip(types, sighting.ends, strict=True):
            found = directory.find(entity_type, settings.entities[entity_type].labels, who)
            if isinstance(found, Entity) and must_be_measured and directory.knows(entity_type):
                found = found if directory.measured(found) else Unknown(str(found))
            if isinstance(found, Entity):
                ends[end] = found
            else:
                unknown.append((end, entity_type, found))
        within = [] if must_be_measured else _within_places([end for end, _ in types], ends, unknown)
        if within:
            missed.placeless += 1
            mapped += [Mapped(pair, sighting._replace(rate=None)) for pair in within]
            continue
        for end, entity_type, nobody in unknown:
            _note(missed, end, entity_type, nobody, directory)
        if len(ends) < 2:
            continue
        if len(set(ends.values())) == 1:
            name = str(next(iter(ends.values())))
            missed.themselves[name] = f"'{name}'"
            continue
        mapped.append(Mapped(ends, sighting))
    return mapped, missed.notices(f"relation '{relation}', {source}")


def _within_places(
    order: Sequence[str], ends: Mapping[str, Entity], unknown: Sequence[tuple[str, str, Unknown]]
) -> list[dict[str, Entity]]:
    """The pairs that a call may be between where only the cluster (or region) of its ends is not told: calls stay
    within one, so there is one pair in each. None where anything else is ambiguous."""
    candidates = {end: who.candidates for end, _, who in unknown}
    candidates |= {end: (entity,) for end, entity in ends.items()}
    if not unknown or len(candidates) < 2 or not all(candidates.values()):
        return []
    by_place: dict[str, dict[tuple[tuple[str, str], ...], Entity]] = {}
    for end, entities in candidates.items():
        places = {tuple(pair for pair in entity.labels if is_place(pair[0])): entity for entity in entities}
        if () in places or len(places) < len(entities):
            return []
        by_place[end] = places
    first, second = (by_place[end] for end in order)
    return [{order[0]: first[place], order[1]: second[place]} for place in first if place in second]


def _note(missed: _Missed, end: str, entity_type: str, who: Unknown, directory: Directory) -> None:
    if not who.name:
        missed.nameless[end] = missed.nameless.get(end, 0) + 1
    elif who.candidates:
        among = _some({str(entity): str(entity) for entity in who.candidates})
        missed.ambiguous[who.name] = f"'{who.name}' may be any of {among}"
    else:
        close = directory.like(entity_type, who.name)
        told = f"'{who.name}'" + (f" (did you mean '{close}'?)" if close else "")
        missed.unknown.setdefault(entity_type, {})[who.name] = told


def _some(texts: Mapping[str, str], between: str = ", ") -> str:
    shown = between.join(list(texts.values())[:_SHOWN])
    return shown + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")
