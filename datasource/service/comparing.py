"""Comparing mechanisms between environments, beside the clock."""

from collections.abc import Sequence

from datasource.data import Matrix, Roles
from datasource.graph import CausalGraph
from datasource.incidents import Incident
from datasource.interventions import Intervention
from datasource.interventions.impact import names_of
from datasource.invariance import Invariance, Split, analyse
from datasource.invariance.model import Shift
from datasource.invariance.questions import INCIDENT
from datasource.service.background import Background
from datasource.service.jobs import Workers
from datasource.settings import Settings

_NEWEST = 10
"""Interventions whose before and after are compared."""
_NEWEST_INCIDENTS = 3


def comparing(settings: Settings, workers: Workers) -> Background[Invariance]:
    """Off unless the settings turn it on."""
    asked = settings.invariance
    return Background(
        workers,
        asked.every if asked else None,
        "mechanisms are being compared",
        "mechanisms could not be compared",
        asked.time_budget if asked else 0.0,
        "invariance.time_budget",
    )


def comparing_job(
    settings: Settings,
    matrix: Matrix,
    graph: CausalGraph,
    interventions: Sequence[Intervention],
    incidents: Sequence[Incident] = (),
) -> Invariance:
    """Every mechanism in every environment that the settings name, that interventions and incidents make, and that is
    found."""
    asked = settings.invariance
    assert asked is not None
    parted = splits(interventions, matrix) if asked.interventions else ()
    return analyse(
        matrix,
        graph,
        Roles(settings.signals),
        settings.environment,
        (*parted, *(incident_splits(incidents, matrix) if asked.incidents else ())),
        asked.changes,
        asked.level,
    )


def splits(interventions: Sequence[Intervention], matrix: Matrix) -> tuple[Split, ...]:
    """What the newest interventions within a matrix part, for the variables of their targets."""
    inside = [one for one in interventions if matrix.start < one.start <= matrix.end]
    found = []
    for one in sorted(inside, key=lambda one: -one.start)[:_NEWEST]:
        touched = frozenset(v for v in matrix.variables if names_of(v) & set(one.targets))
        until = one.end if one.end is not None and one.end > one.start else None
        found.append(Split(f"intervention {one.id}", one.start, until, touched))
    return tuple(found)


def incident_splits(incidents: Sequence[Incident], matrix: Matrix) -> tuple[Split, ...]:
    """What the newest incidents within a matrix part, for the variables of those who are named as their causes."""
    inside = [one for one in incidents if one.roots and one.was_one and matrix.start < one.start <= matrix.end]
    newest = sorted(inside, key=lambda one: (-one.start, one.id))[:_NEWEST_INCIDENTS]
    return tuple(
        Split(_name(one), one.start, one.end, frozenset(v for v in matrix.variables if v.entity in one.roots))
        for one in newest
    )


def changed_in(incident: Incident, found: Invariance | None) -> tuple[Shift, ...]:
    """What of the mechanisms of those who are named is another one in an incident, the clearest first."""
    names = (f"during {_name(incident)}", f"since {_name(incident)}")
    return tuple(one for one in found.shifted if one.environment.period in names) if found else ()


def _name(incident: Incident) -> str:
    return f"{INCIDENT}{incident.id}"
