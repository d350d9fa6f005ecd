"""Ties that several sources saw become one."""

from collections.abc import Iterable, Mapping, Sequence

from datasource.data import Entity
from datasource.topology.mapping import Mapped
from datasource.topology.sighting import Sighting
from datasource.topology.tie import EntityRelation


def merge(
    relation: str, by_source: Mapping[str, Sequence[Mapped]], asynchronous: Iterable[tuple[Entity, Entity]] = ()
) -> list[EntityRelation]:
    """One tie per pair of entities, in the order of first sight.

    Sources count the same calls, and tracing samples them, so that the largest rate is nearest to the truth; within
    one source, several names of one entity add up. A tie waits when any source saw it wait, or none can tell, unless
    it is listed as `asynchronous`.
    """
    seen: dict[tuple[tuple[str, Entity], ...], dict[str, list[Sighting]]] = {}
    for source, found in by_source.items():
        for mapped in found:
            pair = seen.setdefault(tuple(mapped.ends.items()), {})
            pair.setdefault(source, []).append(mapped.sighting)
    unwaited = set(asynchronous)
    ties = []
    for ends, sightings in seen.items():
        every = [one for of_source in sightings.values() for one in of_source]
        waits = [one.waits for one in every if one.waits is not None]
        rates = [rate for of_source in sightings.values() if (rate := _total(of_source)) is not None]
        ties.append(
            EntityRelation(
                relation,
                ends,
                (any(waits) if waits else True) and (ends[0][1], ends[1][1]) not in unwaited,
                max(rates, default=None),
                max((one.last_seen for one in every if one.last_seen is not None), default=None),
                tuple(sightings),
                next((one.connection for one in every if one.connection), ""),
            )
        )
    return ties


def _total(sightings: Sequence[Sighting]) -> float | None:
    rates = [one.rate for one in sightings if one.rate is not None]
    return sum(rates) if rates else None
