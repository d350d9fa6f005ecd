"""The impact of an intervention on a variable as a snapshot can tell it, and the sentence that tells it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from datasource.effects.document import checks_document
from datasource.effects.study import StudyError
from datasource.effects.windows import window_steps
from datasource.incidents.quantity import interval, quantity
from datasource.interventions import Intervention
from datasource.interventions.impact import Impact, Question, measure, variable_named
from datasource.interventions.power import switchback_power
from datasource.interventions.verdicts import Verdict, predicted, verdicts
from datasource.service.snapshot import Snapshot
from datasource.settings import format_duration
from datasource.settings.experiments import Experiment


class Asked(NamedTuple):
    """The impact of which intervention on which variable; `compared` name a comparison group, `settle` is seconds."""

    intervention: Intervention
    outcome: str
    compared: tuple[str, ...] = ()
    settle: float = 0.0


def impact_of(asked: Asked, snapshot: Snapshot, every: Sequence[Intervention]) -> Impact:
    """Measured against what would have been, beside what the graph predicted. Raises StudyError for an unknown name."""
    outcome = variable_named(asked.outcome, snapshot.matrix)
    question = Question(asked.intervention, outcome, every, asked.compared, asked.settle)
    signals = snapshot.settings.signals
    found = measure(question, snapshot.matrix, signals, snapshot.graph)
    return predicted(asked.intervention, found, snapshot.matrix, signals, snapshot.structural)


def verdicts_of(one: Intervention, snapshot: Snapshot, every: Sequence[Intervention]) -> tuple[Verdict, ...]:
    """What it says of the edges out of its targets. Raises StudyError while the equations are not there."""
    if snapshot.structural is None:
        raise StudyError("the equations of the graph are not fitted yet; ask again after the warm-up")
    return verdicts(one, snapshot.matrix, snapshot.settings.signals, snapshot.structural, every)


def impact_sentence(one: Intervention, impact: Impact, unit: str) -> str:
    """The impact in a sentence: how much, how sure, what was predicted, and whether other dates show the like."""
    what = one.told
    average = impact.average
    if not np.isfinite(average.value):
        return f"what {what} changed in {impact.outcome} is not known: {'; '.join(impact.notices)}"
    size = quantity(abs(average.value), unit)
    if np.isfinite(average.lower):
        size = interval(abs(average.value), average.lower, average.upper, unit)
    if average.lower <= 0 <= average.upper:
        told = f"{what} changed {impact.outcome} by {size}: no effect that can be told from chance"
    else:
        told = f"{what} {'added' if average.value > 0 else 'took'} {size} {_way(one, impact)}"
    parts = [told]
    if impact.predicted is not None:
        parts.append(f"predicted {quantity(impact.predicted.value, unit)}")
    if impact.placebo_dates:
        seen = f"{impact.placebo_larger} of" if impact.placebo_larger else "none of"
        parts.append(f"a jump as large on {seen} {impact.placebo_dates} placebo dates")
    return "; ".join(parts)


def _way(one: Intervention, impact: Impact) -> str:
    lasting = "while it lasted" if one.end is not None else "since it began"
    return f"{'to' if impact.average.value > 0 else 'from'} {impact.outcome} {lasting}"


def impact_document(one: Intervention, impact: Impact, unit: str) -> dict[str, Any]:
    """The impact as JSON has it, with its course."""
    return {
        "intervention": one.id,
        "outcome": str(impact.outcome),
        "unit": unit,
        "sentence": impact_sentence(one, impact, unit),
        "impact": vars(impact.average),
        "cumulative": vars(impact.cumulative),
        "predicted": vars(impact.predicted) if impact.predicted else None,
        "design": impact.design,
        "controls": list(impact.controls),
        "points": impact.points,
        "placebo_dates": impact.placebo_dates,
        "placebo_found": impact.placebo_found,
        "placebo_larger": impact.placebo_larger,
        **checks_document(impact.checks),
        "notices": list(impact.notices),
        "times": impact.times,
        "observed": impact.observed,
        "expected": impact.expected,
        "lower": impact.lower,
        "upper": impact.upper,
        "on": impact.on,
    }


def power_of(plan: Experiment, snapshot: Snapshot) -> str:
    """How many blocks the plan needs to see what it must. Raises StudyError where that cannot be told."""
    if plan.smallest is None:
        raise StudyError("say which effect must be seen, as smallest: 0.05")
    outcome = variable_named(plan.outcome, snapshot.matrix)
    signal = snapshot.settings.signals[outcome.signal]
    row, step = snapshot.matrix.row(outcome), snapshot.matrix.step
    found = switchback_power(row, step, plan.block, window_steps(signal, step) * step, plan.smallest)
    size, block = quantity(plan.smallest, signal.unit), format_duration(plan.block)
    if not np.isfinite(found.blocks):
        return f"to see {size} of {outcome}, 400 blocks of {block} would not do; make them longer"
    need = f"to see {size} of {outcome} you need {2 * found.blocks:g} blocks of {block}, half of them on"
    if plan.blocks < found.blocks:
        return f"{need}; the plan has {2 * plan.blocks if plan.blocks > 1 else 1}"
    return need


def verdict_document(one: Verdict) -> Mapping[str, Any]:
    """A verdict as JSON has it."""
    return {
        "intervention": one.intervention,
        "cause": str(one.cause),
        "effect": str(one.effect),
        "verdict": one.kind,
        "moved": vars(one.moved),
        "measured": vars(one.measured),
        "predicted": vars(one.predicted) if one.predicted else None,
        "why": one.why,
    }
