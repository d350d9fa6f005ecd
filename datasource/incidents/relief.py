"""What a remedy would do to the symptom, by what-if, in words."""

from dataclasses import replace
from math import isfinite, nan
from typing import NamedTuple

import numpy as np

from datasource.data import Variable
from datasource.effects import StructuralModel
from datasource.incidents.context import IncidentContext
from datasource.incidents.quantity import levels, quantity
from datasource.settings.remedies import Target

_TOLD = 2
"""So many notices of a prediction are told."""


_HARDLY = 0.02
"""A smaller share of the symptom's gap is no relief."""


class Relief(NamedTuple):
    """What is predicted, in words, and which share of the symptom's gap goes away: NaN where that is not known."""

    text: str
    share: float = nan


def relief(lately: IncidentContext, structural: StructuralModel | None, variable: Variable, target: Target) -> Relief:
    """The symptom's level with do(variable = target), against its level now. Never raises on data.

    The levels are those of the incident; the structural model was fitted before it, or early in it. Where it says
    nothing of a cause that is brought back to what is usual, its contribution stands in.
    """
    causes = lately.incident.causes
    value = target.value(lately.now(variable), lately.without_change(variable))
    try:
        return _predicted(lately, structural, variable, value)
    except _Unpredictable as error:
        part = lately.causes.get(variable, nan)
        if target.base != "usual" or not (isfinite(part) and causes.gap):
            return Relief(f"not predicted: {error}")
        own = quantity(part, lately.unit(causes.symptom))
        return Relief(f"not predicted: {error}; its part of {causes.symptom}'s gap is {own}", part / causes.gap)


class _Unpredictable(Exception):
    """Why there is no prediction."""


def _predicted(lately: IncidentContext, structural: StructuralModel | None, variable: Variable, value: float) -> Relief:
    from datasource.effects.study import StudyError
    from datasource.effects.what_if import reached, what_if

    symptom = lately.incident.causes.symptom
    if structural is None and variable != symptom:
        raise _Unpredictable("the equations of the causal graph are being fitted")
    if structural is not None and (missing := {variable, symptom} - set(structural.levels)):
        raise _Unpredictable(f"{min(missing)} is not measured")
    if not isfinite(value):
        raise _Unpredictable(f"what {variable} is and usually is, is not known")
    if structural is None or variable == symptom:
        return _told(lately, lately.now(variable), value)
    if symptom not in reached(structural, variable):
        raise _Unpredictable(f"{variable} does not reach {symptom} in the graph")
    try:
        (found,) = what_if(_at_the_levels_of(lately, structural, (variable, symptom)), variable, value, (symptom,))
    except (StudyError, np.linalg.LinAlgError) as error:
        raise _Unpredictable(str(error)) from None
    if not isfinite(found.predicted):
        raise _Unpredictable("; ".join(found.notices[:_TOLD]) or "the level is not known")
    interval = ""
    if isfinite(found.lower) and isfinite(found.upper):
        told = levels(found.lower, found.upper, lately.unit(symptom), 5 * (found.upper - found.lower))
        interval = f" (95%: {told})"
    beware = "".join(f"; {notice}" for notice in found.notices[:_TOLD])
    return _told(lately, found.now, found.predicted, interval + beware)


def _at_the_levels_of(
    lately: IncidentContext, structural: StructuralModel, variables: tuple[Variable, ...]
) -> StructuralModel:
    known = [v for v in variables if v in structural.levels and isfinite(lately.now(v))]
    newest = {v: replace(structural.levels[v], recent=lately.points(v)) for v in known}
    return replace(structural, levels={**structural.levels, **newest})


def _told(lately: IncidentContext, now: float, predicted: float, more: str = "") -> Relief:
    causes = lately.incident.causes
    if not isfinite(now):
        raise _Unpredictable(f"what {causes.symptom} is now, is not known")
    unit, share = lately.unit(causes.symptom), (now - predicted) / causes.gap if causes.gap else nan
    if abs(share) < _HARDLY:
        return Relief(f"predicted to leave {causes.symptom} at {quantity(now, unit)}{more}", share)
    return Relief(f"predicted to bring {causes.symptom} from {levels(now, predicted, unit, causes.gap)}{more}", share)
