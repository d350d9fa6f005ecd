"""Comparing mechanisms between environments, beside the clock."""

from collections.abc import Sequence

from datasource.data import Matrix, Roles
from datasource.graph import CausalGraph
from datasource.interventions import Intervention
from datasource.interventions.impact import names_of
from datasource.invariance import Invariance, Split, analyse
from datasource.service.background import Background
from datasource.service.jobs import Workers
from datasource.settings import Settings

_NEWEST = 10
"""Interventions whose before and after are compared."""


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
    settings: Settings, matrix: Matrix, graph: CausalGraph, interventions: Sequence[Intervention]
) -> Invariance:
    """Every mechanism in every environment that the settings name, that interventions make, and that is found."""
    asked = settings.invariance
    assert asked is not None
    return analyse(
        matrix,
        graph,
        Roles(settings.signals),
        settings.environment,
        splits(interventions, matrix) if asked.interventions else (),
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
