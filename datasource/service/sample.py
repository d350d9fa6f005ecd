"""An exported number, and the labels that things have through every door."""

from collections.abc import Iterator
from typing import NamedTuple

from datasource.data import Entity, Variable
from datasource.effects import EffectResult, Estimate
from datasource.interventions.impact import Impact

Labels = dict[str, str]


class Sample(NamedTuple):
    """One exported number."""

    name: str
    labels: Labels
    value: float


def entity_labels(entity: Entity) -> Labels:
    """An entity's own labels, as in the user's Prometheus, so that results join with ordinary series."""
    return dict(entity.labels)


def variable_labels(variable: Variable) -> Labels:
    """The labels of everything that is said of one variable."""
    return entity_labels(variable.entity) | {"signal": variable.signal}


def effect_labels(result: EffectResult) -> Labels:
    """The outcome's entity, the two signals, and the treatment's entity where it is another one."""
    labels = entity_labels(result.outcome.entity)
    if result.treatment.entity != result.outcome.entity:
        labels |= {f"treatment_{label}": value for label, value in result.treatment.entity.labels}
    return labels | {"treatment": result.treatment.signal, "outcome": result.outcome.signal}


def impact_labels(result: EffectResult) -> Labels:
    """The treated entity and the signal that was looked at."""
    return entity_labels(result.outcome.entity) | {"outcome": result.outcome.signal}


def logged_labels(impact: Impact) -> Labels:
    """Those of an impact, and which intervention of the log it is of."""
    outcome = impact.outcome
    return entity_labels(outcome.entity) | {"outcome": outcome.signal, "intervention": str(impact.intervention)}


def estimate_samples(name: str, labels: Labels, estimate: Estimate) -> Iterator[Sample]:
    """A number and the ends of its 95% interval."""
    yield Sample(name, labels, estimate.value)
    yield Sample(f"{name}_lower", labels, estimate.lower)
    yield Sample(f"{name}_upper", labels, estimate.upper)
