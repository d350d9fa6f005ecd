"""What an intervention says of the graph: prediction beside measurement, and a verdict on each edge out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from datasource.data import Matrix, Variable
from datasource.effects.result import Estimate
from datasource.effects.structural import StructuralModel
from datasource.effects.what_if import what_if
from datasource.graph import CausalGraph, Edge, Evidence
from datasource.interventions.entry import Intervention
from datasource.interventions.impact import Impact, Question, measure, names_of
from datasource.settings import Signal

_JUDGED = 6 * 3600
"""Seconds by which what has no end is judged: later, other things that happened are measured with it."""

Kind = Literal["confirmed", "refuted", "undecided"]


class Verdict(NamedTuple):
    """What an intervention says of the edge from `cause` to `effect`: measured and predicted change of the effect, and
    why, in a sentence. `moved` is the change of the cause; `at` is when it began,
    seconds since 1970."""

    intervention: int
    at: int
    cause: Variable
    effect: Variable
    kind: Kind
    moved: Estimate
    measured: Estimate
    predicted: Estimate | None
    why: str


def lever(one: Intervention, outcome: Variable, matrix: Matrix, graph: CausalGraph) -> Variable | None:
    """The variable of a target by which the intervention reaches the outcome: the one that is named, else that of the
    same signal, else the only one that leads there. None where that is not clear."""
    leading = graph.ancestors([outcome]) - {outcome}
    own = [v for v in matrix.variables if v in leading and names_of(v) & set(one.targets)]
    named = [v for v in own if {str(v), f"{v.entity.name}.{v.signal}"} & set(one.targets)]
    alike = [v for v in own if v.signal == outcome.signal]
    for found in (named, alike, own):
        if len(found) == 1:
            return found[0]
    return None


def predicted(
    one: Intervention, impact: Impact, matrix: Matrix, signals: Mapping[str, Signal], model: StructuralModel | None
) -> Impact:
    """The impact with what the equations of the graph say of it: the measured change of the target, pushed through."""
    if model is None:
        return impact
    cause = lever(one, impact.outcome, matrix, model.graph)
    if cause is None:
        return impact
    moved = measure(Question(one, cause), matrix, signals, model.graph).average
    return replace(impact, predicted=_pushed(model, cause, moved, impact.outcome))


def verdicts(
    one: Intervention,
    matrix: Matrix,
    signals: Mapping[str, Signal],
    model: StructuralModel,
    others: Sequence[Intervention] = (),
) -> tuple[Verdict, ...]:
    """A verdict on every edge out of a variable of the targets to another entity or signal that it does not name.

    confirmed: the effect moved, beyond its interval, to the side that was predicted and at least half as far, and no
    other way leads there.
    refuted: the cause moved by more than the width of its interval, and what was predicted, with its whole interval,
    lies outside of what was measured, which holds 0.
    undecided: anything else, and `why` says what.
    """
    found = []
    if one.end is None:
        matrix = matrix.between(matrix.start, one.start + _JUDGED)
    for cause in matrix.variables:
        if not names_of(cause) & set(one.targets):
            continue
        effects = [v for v in model.graph.effects_of(cause) if v in matrix and not names_of(v) & set(one.targets)]
        if not effects:
            continue
        moved = measure(Question(one, cause, others), matrix, signals, model.graph).average
        for effect in effects:
            measured = measure(Question(one, effect, others), matrix, signals, model.graph).average
            said = _pushed(model, cause, moved, effect)
            kind, why = _verdict(model.graph, cause, effect, moved, measured, said)
            found.append(Verdict(one.id, one.start, cause, effect, kind, moved, measured, said, why))
    return tuple(found)


def with_verdicts(graph: CausalGraph, said: Sequence[Verdict]) -> CausalGraph:
    """The graph whose edges have the verdicts on them as evidence."""
    decided = {(one.cause, one.effect): one for one in said if one.kind != "undecided"}
    if not decided:
        return graph
    return replace(graph, edges=tuple(_judged(edge, decided) for edge in graph.edges))


def _judged(edge: Edge, decided: Mapping[tuple[Variable, Variable], Verdict]) -> Edge:
    one = decided.get((edge.cause, edge.effect))
    if one is None or one.kind == "undecided":
        return edge
    strength = one.measured.value / one.moved.value if one.moved.value else None
    evidence = Evidence(one.kind, f"intervention {one.intervention}", one.at, strength, one.why)
    old = (said for said in edge.evidence if said.kind not in ("confirmed", "refuted"))
    return edge._replace(evidence=(*old, evidence))


def _pushed(model: StructuralModel, cause: Variable, moved: Estimate, outcome: Variable) -> Estimate | None:
    """The change of the outcome that the equations make of a change of the cause; None where they say nothing."""
    if cause not in model.levels or outcome not in model.levels or not np.isfinite(moved.value):
        return None
    (said,) = what_if(model, cause, model.levels[cause].now + moved.value, [outcome])
    if not np.isfinite(said.change.value):
        return None
    # How far the cause was moved is an estimate, too.
    slope = said.change.value / moved.value if moved.value else 0.0
    width = float(np.hypot(said.change.upper - said.change.lower, slope * (moved.upper - moved.lower))) / 2
    return replace(said.change, lower=said.change.value - width, upper=said.change.value + width)


def _verdict(
    graph: CausalGraph,
    cause: Variable,
    effect: Variable,
    moved: Estimate,
    measured: Estimate,
    said: Estimate | None,
) -> tuple[Kind, str]:
    if not _away(moved):
        return "undecided", f"{cause} itself was not seen to move"
    if not np.isfinite(measured.lower):
        return "undecided", f"what {effect} did cannot be told"
    others = [v for v in graph.effects_of(cause) if v != effect and effect in graph.descendants(v)]
    if _away(measured):
        if said is not None and _away(said) and said.value * measured.value < 0:
            return "undecided", f"{effect} moved, but to the other side than the graph says"
        if said is not None and abs(measured.value) < abs(said.value) / 2:
            return "undecided", f"{effect} moved less than half as far as the graph says that {cause} moves it"
        if others:
            return "undecided", f"{effect} moved, maybe by way of {', '.join(map(str, others[:3]))}"
        return "confirmed", f"{effect} moved when {cause} was moved, and no other way of the graph leads there"
    if said is None or not np.isfinite(said.lower):
        return "undecided", f"{effect} was not seen to move, and how far it should have is not known"
    if abs(moved.value) < moved.upper - moved.lower:
        return "undecided", f"{effect} was not seen to move, and {cause} itself moved too little to tell"
    if _away(said) and not _meet(said, measured):
        return "refuted", f"{effect} did not move as far as the graph says that {cause} moves it"
    return "undecided", f"{effect} was not seen to move, but the interval holds what the graph says, too"


def _meet(one: Estimate, other: Estimate) -> bool:
    """Whether two intervals have something in common."""
    return not (one.lower > other.upper or one.upper < other.lower)


def _away(one: Estimate) -> bool:
    """Whether the interval leaves 0 out."""
    return bool(one.lower > 0 or one.upper < 0)
