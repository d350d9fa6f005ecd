"""Why adjustment does not identify an effect, and what would have to be measured for it to."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations

from datasource.data import Variable
from datasource.graph.unmeasured import in_words
from datasource.identification.active_path import active_path
from datasource.identification.unrolled import Question, Unrolled
from datasource.identification.ways import drawn_way

_MOST_TRIED = 40


def obstacle(unrolled: Unrolled) -> str:
    """What is in the way of adjustment: a way that stays open although everything that may be is adjusted for."""
    treatment, outcome = unrolled.treatment, unrolled.outcome.variable
    path = active_path(unrolled.proper_backdoor, unrolled.treatments, {unrolled.outcome}, unrolled.candidates)
    unmeasured = dict.fromkeys(node.variable for node in path or () if node not in unrolled.measured)
    if path and unmeasured:
        leaves = "is not measured and leaves" if len(unmeasured) == 1 else "are not measured and leave"
        way = drawn_way(unrolled.proper_backdoor, path)
        return f"{in_words(unmeasured)} {leaves} a way open between {treatment} and {outcome}: {way}"
    blamed = sorted(
        {node.variable for x in unrolled.treatments for node in unrolled.graph.predecessors(x)}
        & {node.variable for node in unrolled.forbidden}
    )
    names = ", ".join(map(str, blamed)) or "a variable"
    return (
        f"{treatment} moves {names}, and {names} moves {treatment} in turn: adjusting for it would take "
        f"part of the effect away, not adjusting would leave the confounding"
    )


def what_to_measure(question: Question, unrolled: Unrolled) -> tuple[str, ...]:
    """The fewest unmeasured variables that, measured, would make adjustment identify the effect; each way a sentence.

    Single ones, then pairs, then one set from which nothing can be left out. Empty where measuring does not help.
    """
    sets = _sets(question, unrolled.unmeasured)
    by_it = "the effect is identified by adjustment"
    return tuple(f"measure {in_words(one)}: with {'it' if len(one) == 1 else 'them'} {by_it}" for one in sets)


def _sets(question: Question, unmeasured: Collection[Variable]) -> Iterator[tuple[Variable, ...]]:
    if not unmeasured or not _identifies(question, unmeasured):
        return
    singles = [(one,) for one in unmeasured if _identifies(question, (one,))]
    if singles:
        yield from singles
        return
    pairs = [pair for pair in list(combinations(unmeasured, 2))[:_MOST_TRIED] if _identifies(question, pair)]
    if pairs:
        yield from pairs
        return
    kept = list(unmeasured)
    for one in unmeasured:
        without = [variable for variable in kept if variable != one]
        if _identifies(question, without):
            kept = without
    yield tuple(kept)


def _identifies(question: Question, measured: Collection[Variable]) -> bool:
    """Whether adjustment would do if these were measured too."""
    graph = replace(question.graph, unmeasured=question.graph.unmeasured - set(measured))
    asked = Question(graph, question.treatment, question.outcome, question.lags, question.window)
    return asked.settle(lambda one: one.minimal_sets(), lambda one, found: one.valid(found)).found is not None
