"""How an effect can be had from data: adjustment, instruments or the front door, on the time-unrolled graph."""

from dataclasses import replace

from datasource.data import Variable
from datasource.graph import CausalGraph, LaggedVariable, longest_lag
from datasource.identification import model as ways
from datasource.identification.front_door import Mediators, find_mediators, valid_mediators
from datasource.identification.instrument import Instruments, find_instruments, moves_all, valid_instruments
from datasource.identification.model import ADJUSTMENT, FRONT_DOOR, INSTRUMENT, NO_PATH, NOT_IDENTIFIED, Identification
from datasource.identification.obstacles import obstacle, what_to_measure
from datasource.identification.unrolled import Question

__all__ = ["ADJUSTMENT", "FRONT_DOOR", "INSTRUMENT", "NOT_IDENTIFIED", "NO_PATH", "Identification", "identify"]


def identify(
    graph: CausalGraph, treatment: Variable, outcome: Variable, lags: int, window: int = 1, also: bool = False
) -> Identification:
    """How the effect of the joint treatment (X_t, X_t-1, ... X_t-lags) on Y_t is identified.

    First by adjustment: DoWhy's generalized adjustment (van der Zander, Liśkiewicz and Textor 2014), complete for
    adjustment sets, on the graph of the ancestors unrolled over time. Candidates are measured and come before every
    treatment they could follow from. Where that fails, by instruments, then by the front door; with `also` those are
    listed as alternatives in any case. The unrolling is cut somewhere in the past; what is found is checked by
    d-separation on one twice as deep, and the cut moves until it makes no difference.

    An unmeasured variable lasts from one step to the next only where an edge of the graph says so, as any other does.
    Where signals look over a `window` of several steps, the far end of the window is added to each moment that has to
    be adjusted for.
    """
    if treatment == outcome or longest_lag(graph, treatment, outcome, 0) is None:
        return ways.no_path(treatment, outcome)
    for end in (treatment, outcome):
        if end in graph.unmeasured:
            return Identification(
                NOT_IDENTIFIED, reason=f"{end} is not measured", measure=(f"measure {end}: the question is about it",)
            )
    question = Question(graph, treatment, outcome, lags, window)
    found = _by_adjustment(question)
    if found.identified and not also:
        return found
    others = [one for one in (_by_instrument(question), _by_front_door(question)) if one]
    if found.identified:
        return replace(found, alternatives=tuple(others))
    if others:
        return replace(
            others[0], reason=found.reason, measure=found.measure, alternatives=tuple(others[1:]) if also else ()
        )
    return found


def _by_adjustment(question: Question) -> Identification:
    settled = question.settle(lambda one: one.minimal_sets(), lambda one, found: one.valid(found))
    ends, deeper = (question.treatment, question.outcome), settled.graph
    if settled.found is not None and deeper is not None:
        required = settled.found | _far_ends(question, settled.found)
        if not deeper.valid(required):
            required = settled.found
        return ways.by_adjustment(*ends, deeper.enlarged(required), required)
    if deeper is None:
        reason = f"what makes {ends[0]} and {ends[1]} move together reaches back without end"
        return Identification(NOT_IDENTIFIED, reason=reason)
    return Identification(NOT_IDENTIFIED, reason=obstacle(deeper), measure=what_to_measure(question, deeper))


def _by_instrument(question: Question) -> Identification | None:
    settled = question.settle(find_instruments, valid_instruments)
    if settled.found is None and question.proxies:
        settled = question.with_proxies().settle(find_instruments, valid_instruments)
    if settled.found is None or settled.graph is None:
        return None
    moments, fixed = settled.found
    wider = Instruments(moments, fixed | _far_ends(question, fixed))
    if not (valid_instruments(settled.graph, wider) and moves_all(settled.graph, wider)):
        wider = settled.found
    return ways.by_instrument(question.treatment, question.outcome, *wider)


def _by_front_door(question: Question) -> Identification | None:
    settled = question.settle(find_mediators, valid_mediators)
    if settled.found is None or settled.graph is None:
        return None
    moments, fixed = settled.found
    wider = Mediators(moments, fixed | _far_ends(question, fixed))
    if not valid_mediators(settled.graph, wider):
        wider = settled.found
    return ways.by_front_door(question.treatment, question.outcome, *wider)


def _far_ends(question: Question, found: set[LaggedVariable] | frozenset[LaggedVariable]) -> set[LaggedVariable]:
    return {LaggedVariable(moment.variable, moment.lag + question.window - 1) for moment in found}
