"""What is wrong with an adjustment set that a user names himself."""

from collections.abc import Iterable, Iterator, Sequence

from datasource.data import Variable
from datasource.graph import CausalGraph, LaggedVariable
from datasource.graph.unmeasured import spoken
from datasource.identification.active_path import active_path, colliders, fork
from datasource.identification.adjustment import descendants
from datasource.identification.unrolled import Question, Unrolled
from datasource.identification.ways import drawn_way

_MOST_WAYS = 50


def explain(
    graph: CausalGraph,
    treatment: Variable,
    outcome: Variable,
    adjustment_set: Iterable[Variable | LaggedVariable],
    lags: int = 0,
) -> tuple[str, ...]:
    """What adjusting for these variables does wrong, by the graph: a sentence each; empty where the set is valid.

    A variable stands for its value at the outcome's time. Said are what comes after the treatment, colliders, what is
    named without being measured or in the graph, and each confounder that is left open.
    """
    named = sorted({one if isinstance(one, LaggedVariable) else LaggedVariable(one, 0) for one in adjustment_set})
    known = [moment for moment in named if moment.variable in graph.variables]
    asked = Question(graph, treatment, outcome, lags, beside=known).unrolled()
    said: list[str] = []
    usable: list[LaggedVariable] = []
    for moment in named:
        wrong = _wrong(asked, moment) if moment in known else f"{moment} is not in the graph, which says nothing of it"
        if wrong:
            said.append(wrong)
        else:
            usable.append(moment)
    return tuple(dict.fromkeys([*said, *_open_ways(asked, usable)]))


def _wrong(asked: Unrolled, moment: LaggedVariable) -> str:
    """What is wrong with adjusting for this whatever else is; empty where nothing is."""
    if moment in asked.treatments or moment == asked.outcome:
        return f"{moment} is the {'outcome' if moment == asked.outcome else 'treatment'} itself: leave it out"
    if moment not in asked.measured:
        return f"{spoken(moment.variable)} is not measured and cannot be adjusted for"
    after_outcome = descendants(asked.graph, {asked.outcome})
    if moment in after_outcome:
        both = f"{asked.treatment} and {asked.outcome}" if asked.outcome in asked.causal else str(asked.outcome)
        return f"{moment} follows from {both}, it is a collider: adjusting for it opens a way between them"
    if moment in asked.forbidden:
        return f"{moment} comes after the treatment: adjusting for it takes part of the effect away"
    return ""


def _open_ways(asked: Unrolled, usable: Sequence[LaggedVariable]) -> Iterator[str]:
    """Each way that stays open, or is opened, beside the causal ones."""
    given, blamed = set(usable), set[Variable]()
    graph = asked.proper_backdoor
    for _ in range(_MOST_WAYS):
        path = active_path(graph, asked.treatments, {asked.outcome}, given)
        if path is None:
            return
        met = colliders(graph, path)
        opened = {moment for moment in given if any(moment in descendants(graph, {node}) for node in met)}
        opened &= set(usable)
        if opened:
            given -= opened
            for moment in sorted(opened):
                if moment.variable not in blamed:
                    yield f"{moment} is a collider: adjusting for it opens a way, {drawn_way(graph, path)}"
                blamed.add(moment.variable)
            continue
        cause = fork(graph, path)
        if cause is None or cause in given:
            yield f"a way is left open: {drawn_way(graph, path)}"
            return
        given.add(cause)
        if cause.variable not in blamed:
            unmeasured = "" if cause in asked.measured else " and is not measured"
            yield f"{spoken(cause.variable)} is left open{unmeasured}: {drawn_way(graph, path)}"
        blamed.add(cause.variable)
