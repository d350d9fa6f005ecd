"""An incident in words, for somebody who was just woken up."""

from collections.abc import Iterator
from math import isfinite, isnan
from time import gmtime, strftime

from datasource.causes import Outside, RootCauses, listed
from datasource.data import Entity, Variable
from datasource.incidents.context import IncidentContext
from datasource.incidents.model import Incident
from datasource.incidents.quantity import parted, quantity
from datasource.topology import Topology

_LONGEST = 400
"""Characters of a summary: what a notification shows uncut."""
_WORTH_TELLING = 0.05
"""A smaller share of the gap is not told."""
_SEVERAL, _SIGNALS = 2, 5
"""Fewer signals are not off together, nor fewer steps a path to tell; so many of the signals are named."""


def summarise(lately: IncidentContext, topology: Topology) -> str:
    """What is wrong since when, whose doing it is in the symptom's unit, and who suffers; about 400 characters. The way
    from the cause to the symptom is told where somebody is between them and there is room."""
    texts = (_summary(lately, topology, shown) for shown in (5, 3, 2, 1))
    text = ""
    for text in texts:
        if len(text) <= _LONGEST:
            break
    way = _way(lately.incident, topology)
    return f"{text} {way}" if way and len(text) + 1 + len(way) <= _LONGEST else text


def place(entity: Entity, topology: Topology) -> str:
    """An entity as it is told; a call by its two ends."""
    calls = topology.ties if entity.type == "call" else ()
    tie = next((tie for tie in calls if tie.end("call") == entity), None)
    return f"the call from {tie.ends[0][1]} to {tie.ends[1][1]}" if tie else str(entity)


def clock_time(at: int, beside: int) -> str:
    """The time of day, with the day where that is not the day of `beside` (seconds since 1970, UTC)."""
    day = "" if gmtime(at)[:3] == gmtime(beside)[:3] else "%b %d "
    return strftime(f"{day}%H:%M", gmtime(at))


def together_told(causes: RootCauses, topology: Topology, verb: str = "are", when: str = "") -> str:
    """That several signals of an entity are an anomaly only together, the largest part first; empty for any other."""
    if len(causes.together) < _SEVERAL:
        return ""
    signals = listed([variable.signal for variable in causes.together], _SIGNALS)
    who = place(causes.symptom.entity, topology)
    return f"several signals of {who} {verb} a little off together{when and f' {when}'}: {signals}"


def _summary(lately: IncidentContext, topology: Topology, shown: int) -> str:
    return " ".join(part for part in (f"{_what(lately, topology, shown)}.", _suffering(lately, shown)) if part)


def _what(lately: IncidentContext, topology: Topology, shown: int) -> str:
    """What is wrong and whose doing it is. Of several signals that are off together no single gap is told."""
    incident = lately.incident
    verb, when = "are" if incident.going_on else "were", _when(incident)
    together = together_told(incident.causes, topology, verb, when)
    if not together:
        return f"{_symptom(lately)}{_causes(lately, topology, shown)}"
    others = [place(root, topology) for root in incident.roots if root != incident.causes.symptom.entity]
    return f"{together}; the cause is {listed(others, shown)}" if others else together


def _way(incident: Incident, topology: Topology) -> str:
    """Over whom the fault came; empty where it came over nobody, or its cause is not named any more."""
    path = incident.causes.path
    if len(path) < _SEVERAL or path[0].cause not in incident.roots:
        return ""
    return f"Path: {' -> '.join(place(entity, topology) for entity in (path[0].cause, *(s.effect for s in path)))}."


def _when(incident: Incident) -> str:
    end = max((episode.last for episode in incident.episodes), default=incident.updated)
    end = incident.updated if incident.going_on else end if incident.end is None else incident.end
    start = clock_time(incident.start, end)
    return f"since {start} UTC" if incident.going_on else f"from {start} to {clock_time(end, end)} UTC"


def _symptom(lately: IncidentContext) -> str:
    incident = lately.incident
    causes, unit = incident.causes, lately.unit(incident.causes.symptom)
    when = _when(incident)
    usual, verb = lately.usual(causes.symptom), "is" if incident.going_on else "was"
    if not causes.gap or isnan(causes.gap):
        return f"{causes.symptom} {verb} not as usual {when}"
    level = f"its usual {quantity(usual, unit)}" if isfinite(usual) else "what is usual"
    way = "above" if causes.gap > 0 else "below"
    gap, _ = parted(abs(causes.gap), [], unit)
    return f"{causes.symptom} {verb} {gap} {way} {level}{_failing(lately)} {when}"


def _failing(lately: IncidentContext) -> str:
    """Of failures that are counted, which share of the requests it is."""
    symptom = lately.incident.causes.symptom
    if lately.role(symptom) != "failure" or not lately.incident.going_on:
        return ""
    loads = [variable for variable in lately.scored(symptom.entity) if lately.role(variable) == "load"]
    if not loads:
        return ""
    load = min(loads, key=lambda variable: variable.signal)
    if lately.unit(load) != lately.unit(symptom) or not lately.now(load) > 0:
        return ""
    return f" ({quantity(lately.now(symptom) / lately.now(load), 'percentunit')} of its requests fail)"


def _causes(lately: IncidentContext, topology: Topology, shown: int) -> str:
    """Whose doing it is."""
    roots, causes = lately.incident.roots, lately.incident.causes
    parts = list(_parts(lately, topology, shown))
    if roots and not any(part.variable.entity in roots for part in causes.contributions):
        named = [f"{place(root, topology)}{_sure(lately, root)}" for root in roots]
        return f": the cause is {listed(named, shown)}{''.join(f'; {part}' for part in parts[:1])}"
    if roots:
        return f": {', '.join(parts)}"
    largest = max((abs(part.contribution) for part in causes.contributions), default=0.0)
    outside = max(causes.outside, key=lambda part: abs(part.contribution), default=None)
    if outside is not None and abs(outside.contribution) >= largest:
        demand = _grown(lately, demanded(lately, outside))
        if demand:
            return f": {outside.where} is {demand} usual; no service broke"
        return f": it seems to come from outside of what is measured, and nobody is named: {', '.join(parts)}"
    told = f": {', '.join(parts)}" if parts else ""
    likely = [f"{place(entity, topology)} ({sure:.0%})" for entity, sure in causes.likely]
    if len(likely) > 1:
        return f"; it may be {', '.join(likely[:-1])} or {likely[-1]} who broke{told}"
    return f"; {f'maybe {likely[0]} broke' if likely else 'nobody can be named'}{told}"


def demanded(lately: IncidentContext, outside: Outside) -> Variable | None:
    """The load of the entity at which a cause outside is demand; None for anything else outside."""
    if outside.kind != "demand":
        return None
    there = [v for v in lately.scores if v.entity == outside.entity and lately.role(v) == "load"]
    return min(there, default=None)


def _grown(lately: IncidentContext, load: Variable | None) -> str:
    """By how much a load is not as usual: "40% above", empty where that is not known."""
    if load is None or not lately.usual(load) > 0 or not isfinite(lately.now(load)):
        return ""
    grown = lately.now(load) / lately.usual(load) - 1
    return f"{quantity(abs(grown), 'percentunit')} {'above' if grown >= 0 else 'below'}"


def _parts(lately: IncidentContext, topology: Topology, shown: int) -> Iterator[str]:
    """The contributions by entity, the largest first, what is outside, and what is left; they add up to the gap."""
    causes, unit = lately.incident.causes, lately.unit(lately.incident.causes.symptom)
    amounts: dict[Entity, float] = {}
    for part in causes.contributions:
        amounts[part.variable.entity] = amounts.get(part.variable.entity, 0.0) + part.contribution
    ordered = sorted(amounts, key=lambda entity: -abs(amounts[entity]))
    worth = [e for e in ordered if abs(amounts[e]) >= _WORTH_TELLING * abs(causes.gap)][:shown]
    told = []
    for entity in worth:
        own = f" ({_own(lately, entity)})" if entity in lately.incident.roots else ""
        told.append((amounts[entity], f"from {place(entity, topology)}{own}"))
    if len(ordered) > len(worth):
        rest = sum(amounts[entity] for entity in ordered[len(worth) :])
        told.append((rest, f"from {len(ordered) - len(worth)} more"))
    told += [(other.contribution, f"from {other.where}") for other in causes.outside]
    told.append((causes.unexplained, "unexplained"))
    _, numbers = parted(causes.gap, [amount for amount, _ in told], unit)
    yield from (f"{number} {text}" for number, (_, text) in zip(numbers, told, strict=True) if number)


def _own(lately: IncidentContext, entity: Entity) -> str:
    """What it is of a root that changed, and how sure that is."""
    parts = [part for part in lately.incident.causes.contributions if part.variable.entity == entity]
    signals = dict.fromkeys(part.variable.signal for part in parts)
    return f"its own {' and '.join(signals)}{_sure(lately, entity, ', {}')}"


def _sure(lately: IncidentContext, root: Entity, form: str = " ({})") -> str:
    """How sure it is that somebody is the cause, where that is known."""
    sure = dict(lately.incident.causes.likely).get(root)
    return "" if sure is None else form.format(f"{sure:.0%} sure")


def _suffering(lately: IncidentContext, shown: int) -> str:
    incident = lately.incident
    present = incident.suffering if incident.going_on else incident.affected
    who = [entity for entity in incident.affected if entity in present and entity not in incident.roots]
    if not who:
        return ""
    kinds = {entity.type for entity in who}
    kind = kinds.pop() if len(kinds) == 1 else "other"
    verb = ("suffers" if len(who) == 1 else "suffer") if incident.going_on else "suffered"
    names = listed([str(entity) for entity in who], shown if len(who) > shown + 1 else len(who))
    return f"{len(who)} {kind if len(who) == 1 else kind + 's'} {verb}: {names}."
