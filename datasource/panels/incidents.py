"""Panel: incidents, a row each, the newest first."""

from collections.abc import Iterable
from math import nan

from datasource.causes import cause_name
from datasource.data import Entity
from datasource.incidents import Incident
from datasource.incidents.seen_before import told
from datasource.panels.choices import ENTITY, STATE, STATES
from datasource.panels.frame import Field, Frame, notice_frame, unit
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot, incident_state, unit_of


def chosen(query: Query, snapshot: Snapshot) -> list[Incident]:
    """The incidents within the time range that state, entity and filters leave. Raises QueryError.

    An incident belongs to every entity that caused it or is affected by it.
    """
    states = query.wanted("state", STATES)
    everybody = {*snapshot.entities, *(entity for one in snapshot.incidents for entity in _members(one))}
    entities = set(query.wanted("entity", sorted(everybody)))

    def concerns(incident: Incident) -> bool:
        signal = {"signal": incident.causes.symptom.signal}
        return any(one in entities and query.passes(dict(one.labels) | signal) for one in _members(incident))

    return [
        one
        for one in snapshot.incidents
        if incident_state(one) in states
        and one.start <= query.end
        and (one.end is None or one.end >= query.start)
        and concerns(one)
    ]


def _members(incident: Incident) -> set[Entity]:
    return {*incident.roots, *incident.affected}


def _confidence(incident: Incident) -> float:
    """How sure it is that the surest root cause is one; NaN where nothing was said about it."""
    said = [part.confidence for part in incident.causes.contributions if part.variable.entity in incident.roots[:1]]
    return max(said, default=nan)


def names(entities: Iterable[Entity], snapshot: Snapshot, between: str = ", ") -> str:
    """Entities in one text."""
    return between.join(cause_name(entity, snapshot.topology) for entity in entities)


def advice(incident: Incident) -> str:
    """Its suggestions in one text."""
    return " • ".join(incident.suggestions)


def seen_before(incident: Incident, snapshot: Snapshot) -> str:
    """The earlier ones like it, and what ended them, in one text."""
    signals = snapshot.settings.signals
    return " • ".join(told(one, snapshot.time, signals) for one in snapshot.seen.get(incident.id, ()))


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame: since when, who broke, what users feel, who is affected, what happened and what to do about it."""
    found = chosen(query, snapshot)
    if not found:
        return [notice_frame(snapshot.warming_up or "there is no incident in this time")]
    units = {unit(unit_of(one.causes.symptom, snapshot)) for one in found}

    def strings(name: str, values: Iterable[str]) -> Field:
        return Field(name, "string", list(values))

    fields = (
        Field("state", "string", [incident_state(one) for one in found], config={"mappings": _MAPPINGS}),
        Field("start", "time", [one.start * 1000 for one in found]),
        Field("end", "time", [None if one.end is None else one.end * 1000 for one in found]),
        Field(
            "duration",
            "number",
            [(snapshot.time if one.end is None else one.end) - one.start for one in found],
            config={"unit": "dtdurations"},
        ),
        strings("root cause", (names(one.roots, snapshot) or "not known" for one in found)),
        Field(
            "confidence", "number", [_confidence(one) for one in found], config={"unit": "percentunit", "decimals": 0}
        ),
        strings("symptom", (str(one.causes.symptom) for one in found)),
        Field(
            "gap", "number", [one.causes.gap for one in found], config={"unit": units.pop()} if len(units) == 1 else {}
        ),
        Field("affected", "number", [len(one.affected) for one in found], config={"unit": "short", "decimals": 0}),
        strings("who is affected", (names(one.affected, snapshot) for one in found)),
        strings("summary", (one.summary for one in found)),
        strings("suggestion", (advice(one) for one in found)),
        strings("seen before", (seen_before(one, snapshot) for one in found)),
        strings("incident", (one.id for one in found)),
    )
    return [Frame("incidents", fields, meta={"preferredVisualisationType": "table"})]


_COLORS = {"open": "red", "ended": "green", "merged": "text"}
_MAPPINGS = [
    {
        "type": "value",
        "options": {state: {"color": _COLORS[state], "index": index} for index, state in enumerate(STATES)},
    }
]

PANEL = Panel("incidents", "Incidents", frames, (STATE, ENTITY), needs_mechanisms=False, table=True)
