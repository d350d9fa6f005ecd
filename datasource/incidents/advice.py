"""What an incident says in words: a summary, and what can be done about it."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

from datasource.causes import Judgement
from datasource.data import Matrix
from datasource.effects import StructuralModel
from datasource.incidents.context import IncidentContext
from datasource.incidents.model import Incident
from datasource.incidents.relief import Relief, relief
from datasource.incidents.remedies import Candidate, listed_remedies
from datasource.incidents.summary import demanded, summarise
from datasource.incidents.usual_remedies import against_nothing_named, against_outside, usual_remedies
from datasource.settings import Settings
from datasource.topology import Topology

_MOST = 5
"""So many suggestions are made; who was woken up reads no more."""
_HELPS = 0.1
"""What usually helps is not suggested where less than this share of the symptom's gap would go away."""


def advise(
    incident: Incident,
    settings: Settings,
    judgement: Judgement | None,
    structural: StructuralModel | None,
    topology: Topology,
    matrix: Matrix | None = None,
) -> Incident:
    """The incident with its summary and with suggestions, the largest predicted relief of the symptom first.

    Pure; never raises on data: what cannot be predicted says why. `judgement` is that of the time `incident.updated`,
    `matrix` the points up to then, for events longer ago than the judgement's few points. An incident that is over
    keeps the suggestions that it had.
    """
    lately = IncidentContext(incident, settings, judgement, matrix)
    summary = summarise(lately, topology)
    if not incident.open:
        return replace(incident, summary=summary)
    told: list[tuple[Candidate, Relief]] = []
    for candidate in dict.fromkeys(_candidates(lately, topology)):
        found = relief(lately, structural, candidate.variable, candidate.target) if candidate.variable else Relief("")
        if candidate.listed or not found.share < _HELPS:
            told.append((candidate, found))
    told.sort(key=lambda one: -one[1].share if isfinite(one[1].share) else 0.0)
    suggestions = tuple(_suggestion(*one) for one in told[:_MOST])
    action = _suggestion(told[0][0], Relief("")) if told else ""
    return replace(incident, summary=summary, suggestions=suggestions, action=action)


def _candidates(lately: IncidentContext, topology: Topology) -> Iterator[Candidate]:
    """What could be done: the operator's remedies first, for each cause the usual ones where none of them helps."""
    incident = lately.incident
    for entity in incident.roots:
        signs = lately.signs(entity)
        listed = list(listed_remedies(lately, entity, signs))
        yield from listed or usual_remedies(lately, entity, signs, topology)
    for outside in incident.causes.outside:
        if abs(outside.share) < _HELPS:
            continue
        load = demanded(lately, outside)
        listed = list(listed_remedies(lately, load.entity, [load])) if load else []
        yield from listed or against_outside(lately, outside)
    if not (incident.roots or incident.causes.outside):
        yield from against_nothing_named(lately, topology)


def _suggestion(candidate: Candidate, found: Relief) -> str:
    runbook = f"; runbook: {candidate.runbook}" if candidate.runbook else ""
    return candidate.text + (f": {found.text}" if found.text else "") + runbook
