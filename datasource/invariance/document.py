"""What was found of environments, as plain rows and as sentences."""

from typing import Any

from datasource.invariance.analysis import Invariance
from datasource.invariance.anchor import Anchored
from datasource.invariance.model import EdgeShift, Invariant, Shift, where

PARTS = {"slopes": "how its causes move it", "level": "its level", "noise": "how far it scatters"}
"""What is another one, in words."""


def invariance_document(found: Invariance) -> dict[str, Any]:
    """As JSON has it: what is clearest first; `at` is seconds since 1970."""
    return {
        "at": found.at,
        "level": found.level,
        "compared": found.compared,
        "mechanisms": [shift_row(one) for one in sorted(found.mechanisms, key=lambda one: -one.score)],
        "edges": [edge_row(one) for one in sorted(found.edges, key=lambda one: (not one.breaks, -one.score))],
        "parents": [parents_row(one) for one in found.invariant],
        "predictions": [prediction_row(one) for one in found.predictions],
        "notices": list(found.notices),
    }


def shift_row(one: Shift) -> dict[str, Any]:
    """A part of a mechanism in one environment."""
    return {
        "variable": str(one.variable),
        "labels": dict(one.variable.entity.labels),
        "environment": str(one.environment),
        "part": one.part,
        "score": one.score,
        "p_value": one.p_value,
        "shifted": one.score > 1,
        "told": shift_told(one),
    }


def edge_row(one: EdgeShift) -> dict[str, Any]:
    """An edge in one environment, and in the others."""
    return {
        "cause": str(one.edge.cause),
        "effect": str(one.edge.effect),
        "labels": dict(one.edge.effect.entity.labels),
        "lag": one.edge.lag,
        "environment": str(one.environment),
        "slope": one.slope.value,
        "lower": one.slope.lower,
        "upper": one.slope.upper,
        "elsewhere": one.others.value,
        "elsewhere_lower": one.others.lower,
        "elsewhere_upper": one.others.upper,
        "score": one.score,
        "p_value": one.p_value,
        "breaks": one.breaks,
        "told": edge_told(one),
    }


def parents_row(one: Invariant) -> dict[str, Any]:
    """What holds of an outcome everywhere."""
    return {
        "outcome": str(one.outcome),
        "labels": dict(one.outcome.entity.labels),
        "parents": [str(cause) for cause in one.parents],
        "candidates": [{"cause": str(each.cause), "p_value": each.p_value} for each in one.candidates],
        "sets": [[str(cause) for cause in each] for each in one.sets],
        "p_value": one.p_value,
        "level": one.level,
        "told": parents_told(one),
    }


def prediction_row(one: Anchored) -> dict[str, Any]:
    """The prediction of an outcome where environments move further than they did so far."""
    return {
        "outcome": str(one.outcome),
        "labels": dict(one.outcome.entity.labels),
        "gamma": one.gamma,
        "intercept": one.intercept,
        "slopes": {str(cause): slope for cause, slope in zip(one.causes, one.slopes, strict=True)},
        "worst_error_least_squares": one.least_squares,
        "worst_error": one.anchored,
    }


def prediction_told(one: Anchored) -> str:
    """A prediction in a sentence."""
    slopes = " + ".join(f"{slope:.4g} x {cause}" for cause, slope in zip(one.causes, one.slopes, strict=True))
    return (
        f"{one.outcome} = {one.intercept:.4g} + {slopes}: wrong by {one.anchored:.3g} in the worst environment left "
        f"out of the fit, {one.least_squares:.3g} by least squares (anchor regression, gamma {one.gamma:g})"
    )


def parents_told(one: Invariant) -> str:
    """What invariance says of the causes of an outcome, in a sentence."""
    if not one.sets:
        return (
            f"no set of these causes explains {one.outcome} alike everywhere: its own mechanism is another one "
            "somewhere, or a cause is missing"
        )
    if one.parents:
        return (
            f"{', '.join(map(str, one.parents))}: no set of causes without it explains {one.outcome} alike everywhere"
        )
    return f"environments are too much alike to tell which causes of {one.outcome} are needed"


def shift_told(one: Shift) -> str:
    """A shift in a sentence."""
    verb = "is another one" if one.score > 1 else "is the same"
    return f"{one.variable}: {PARTS[one.part]} {verb} {where(one.environment)} (score {one.score:.2f})"


def edge_told(one: EdgeShift) -> str:
    """An edge in one environment, in a sentence."""
    here, there = (f"{each.value:.3g} [{each.lower:.3g}, {each.upper:.3g}]" for each in (one.slope, one.others))
    what = "breaks" if one.breaks else "is another one" if one.score > 1 else "holds"
    return f"{one.edge} {what} {where(one.environment)}: {here}, elsewhere {there}"
