"""Panel: incidents as annotation regions."""

from datasource.incidents import Incident
from datasource.panels.choices import ENTITY, STATE
from datasource.panels.frame import Field, Frame
from datasource.panels.incidents import advice, chosen, names
from datasource.panels.query import Query
from datasource.panels.registry import Panel
from datasource.service import Snapshot


def frames(query: Query, snapshot: Snapshot) -> list[Frame]:
    """One frame of regions from an incident's start to its end, or to now while it goes on.

    One that was merged into another is a part of that one's region.
    """
    found = [one for one in chosen(query, snapshot) if not one.merged_into]
    fields = (
        Field("time", "time", [one.start * 1000 for one in found]),
        Field("timeEnd", "time", [(snapshot.time if one.end is None else one.end) * 1000 for one in found]),
        Field("title", "string", [_title(one, snapshot) for one in found]),
        Field("text", "string", [_text(one) for one in found]),
        Field("tags", "string", [names(one.affected, snapshot, ",") for one in found]),
        Field("id", "string", [one.id for one in found]),
    )
    return [Frame("incident_regions", fields)]


def _title(incident: Incident, snapshot: Snapshot) -> str:
    roots = names(incident.roots, snapshot)
    verb = "is" if incident.open else "was"
    return f"{roots} broke" if roots else f"{incident.causes.symptom} {verb} anomalous, the cause is not known"


def _text(incident: Incident) -> str:
    summary = incident.summary or f"Felt as {incident.causes.symptom}."
    return f"{summary} Suggested: {advice(incident)}" if incident.suggestions else summary


PANEL = Panel("incident_regions", "Incidents (annotations)", frames, (STATE, ENTITY), needs_mechanisms=False)
