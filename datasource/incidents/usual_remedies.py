"""What usually helps against a cause of some role, where the operator listed nothing."""

import re
from collections.abc import Iterator, Sequence
from math import isfinite

from datasource.causes import Outside, listed
from datasource.data import Entity, Variable
from datasource.incidents.context import IncidentContext
from datasource.incidents.quantity import quantity
from datasource.incidents.remedies import Candidate, occurred
from datasource.incidents.summary import clock_time, demanded, place
from datasource.topology import EntityRelation, Topology

_BEFORE, _JUST_BEFORE = 1800.0, 300.0
"""Seconds before the incident in which a change, and anything else that happened, may have to do with it."""
_SHOWN = 3
"""Suggestions for one incident, the likeliest first."""
_CHANGE = re.compile(r"rollout|deploy|release|version|updat|upgrad|migrat|config|flag")
_CPU, _MEMORY = re.compile(r"cpu|throttl|cores"), re.compile(r"mem|heap|oom|swap")
_TOLD_APART = {
    "call": "; with signals of these calls, or of who answers them, it would be told apart",
    "machine": "; with a relation that says who runs where, and signals of the machines, it would be told apart",
    "several": "; with signals of what they share it would be told apart",
}
_STORAGE = re.compile(r"disk|filesystem|storage|volume")


def usual_remedies(
    lately: IncidentContext, entity: Entity, signs: Sequence[Variable], topology: Topology
) -> Iterator[Candidate]:
    """What helps against a named cause: by its signs, and by what happened to it."""
    calls = topology.ties if entity.type == "call" else ()
    tie = next((tie for tie in calls if tie.end("call") == entity), None)
    if tie is not None:
        yield _against_a_call(lately, tie, signs)
        return
    changes = [event for event in lately.events(entity, _BEFORE) if _CHANGE.search(event.variable.signal)]
    for change in changes[:1]:
        yield Candidate(f"roll {entity} back ({occurred(lately, change)})", signs[0] if signs else None)
    happened = [
        event
        for event in lately.events(entity, _JUST_BEFORE, until=lately.incident.updated)
        if not _CHANGE.search(event.variable.signal)
    ]
    for event in happened:
        yield _looking(f"look at why {entity} had {occurred(lately, event)}", event.variable)
    resources = [sign for sign in signs if lately.role(sign) == "saturation"]
    for resource in resources:
        yield Candidate(f"{_relieve(resource, topology)}{_facts(_levels(lately, resource))}", resource)
    if not signs:
        yield Candidate(f"look at what happens in {entity}")
    elif lately.role(signs[0]) in ("load", "failure") or not (changes or happened or resources):
        yield _by_role(lately, signs[0])


def against_outside(lately: IncidentContext, outside: Outside) -> Iterator[Candidate]:
    """What helps where the cause is outside of what is measured."""
    load = demanded(lately, outside)
    if load is None:
        yield Candidate(f"look at {outside.where}{_TOLD_APART.get(outside.kind, '')}")
        return
    yield Candidate(f"shed load at {load.entity}{_facts(_levels(lately, load))}", load)
    for entity in sorted({*lately.incident.affected, load.entity}):
        for resource in lately.signs(entity):
            if lately.role(resource) == "saturation":
                yield Candidate(f"scale {entity} out{_facts(_levels(lately, resource))}", resource)


def against_nothing_named(lately: IncidentContext, topology: Topology) -> Iterator[Candidate]:
    """Where to look when nobody could be named: at the largest parts."""
    causes = lately.incident.causes
    parts = [part.variable.entity for part in causes.contributions if part.contribution * causes.gap > 0]
    names = dict.fromkeys(place(entity, topology) for entity in parts or [causes.symptom.entity])
    yield Candidate(f"look first at {listed(list(names), _SHOWN)}, where the gap is largest")
    unmeasured = list(lately.settings.graph.unmeasured)
    if unmeasured:
        yield Candidate(
            f"measure {listed(unmeasured, _SHOWN)}: the causal graph has it as a cause that nobody measures"
        )


def _against_a_call(lately: IncidentContext, tie: EntityRelation, signs: Sequence[Variable]) -> Candidate:
    client, server = tie.ends[0][1], tie.ends[1][1]
    main = signs[0] if signs else None
    signal = lately.settings.signals.get(main.signal) if main else None
    if signal and signal.end == "server":
        text = f"look at what {client} asks of {server}: its calls take longer there, those of others do not"
    elif main and lately.role(main) == "failure":
        text = f"look at the network, the proxies and the timeouts between {client} and {server}: calls fail on the way"
    else:
        text = (
            f"look at the network, the proxies, the connection pool and the timeouts between {client} and {server}: "
            "the time is lost on the way, not in either of them"
        )
    return _looking(text, main) if main else Candidate(text)


def _relieve(resource: Variable, topology: Topology) -> str:
    entity, signal = resource.entity, resource.signal
    guests = [
        str(tie.ends[0][1]) for tie in topology.ties if tie.ends[1][1] == entity and tie.ends[0][1].type != entity.type
    ]
    if guests:
        return f"limit who uses {signal} of {entity}, or move one of {listed(guests, _SHOWN)} elsewhere"
    if _CPU.search(signal):
        return f"scale {entity} out, or raise its cpu limit"
    if _MEMORY.search(signal):
        return f"restart {entity}, or raise its memory limit"
    if _STORAGE.search(signal):
        return f"free or enlarge the storage of {entity}"
    return f"find out what uses {signal} of {entity}, or give it more"


def _by_role(lately: IncidentContext, main: Variable) -> Candidate:
    """What the first sign of a cause calls for."""
    entity, since = main.entity, clock_time(lately.incident.start, lately.incident.updated)
    role, levels = lately.role(main), _levels(lately, main)
    if role == "load":
        text = f"find out who sends {entity} more than its callers do, and limit it{_facts(levels)}"
    elif role == "event":
        text = f"look at why {entity} has {main.signal}{_facts(levels)}"
    else:
        facts = _facts(levels, _nothing_happened(lately, entity))
        own = f"the errors in the logs of {entity}" if role == "failure" else f"what {entity} itself does"
        places = "" if role == "failure" else ", in its logs, traces and slow queries"
        text = f"look at {own} since {since} UTC{places}{facts}"
    return _looking(text, main)


def _looking(text: str, variable: Variable) -> Candidate:
    """Looking changes nothing: what is predicted is for when it has been put right."""
    return Candidate(f"{text}; with its {variable.signal} as usual", variable)


def _facts(*texts: str) -> str:
    """What is known beside, in brackets."""
    known = "; ".join(text for text in texts if text)
    return f" ({known})" if known else ""


def _levels(lately: IncidentContext, variable: Variable) -> str:
    """What a variable is, and usually is; empty where that is not known."""
    now, usual, unit = lately.now(variable), lately.usual(variable), lately.unit(variable)
    if not (isfinite(now) and isfinite(usual)):
        return ""
    return f"{variable.signal} is {quantity(now, unit)}, usually {quantity(usual, unit)}"


def _nothing_happened(lately: IncidentContext, entity: Entity) -> str:
    """Which events there were none of; empty where that is not known."""
    if lately.matrix is None:
        return ""
    there = {event.variable for event in lately.events(entity, _BEFORE, until=lately.incident.updated)}
    events = {variable for variable in lately.matrix.variables if variable.entity == entity} - there
    none = sorted(v.signal for v in events if lately.settings.signals[v.signal].kind == "event")
    return f"no {', '.join(none)} since half an hour before" if none else ""
