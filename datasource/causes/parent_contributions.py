"""How much of a variable's gap its parents can explain: conserved along calls first, fitted slopes for the rest."""

from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np

from datasource.anomaly.mechanism import Mechanism
from datasource.causes.constants import PASSED_ON, SHARED, STIRRED, WIDTH
from datasource.causes.queueing import slopes_beyond
from datasource.causes.recent import Recent, mean
from datasource.data import Entity, Variable


class ParentContribution(NamedTuple):
    """A parent explains `slope` units of the variable per unit of its own gap; up to `most`, as far as is known.

    `error` is the slope's standard error.
    """

    parent: Variable
    slope: float
    error: float
    most: float


class ParentContributions(NamedTuple):
    """What is conserved (calls, and the load they bring) explains first, then the variable's own load, which confounds
    whatever else moves it, then what is only fitted."""

    conserved: tuple[ParentContribution, ...] = ()
    load: tuple[ParentContribution, ...] = ()
    fitted: tuple[ParentContribution, ...] = ()


def contributions_of_parents(recent: Recent, variable: Variable) -> ParentContributions:
    """What may explain a variable's gap.

    Work per request, failures per request and load are conserved along calls: a caller's seconds rise by its calls per
    request times those of the callee, by less where calls run in parallel. What is measured on the call itself is taken
    as it is. Otherwise the fitted slope is combined with what calls per request say (both as normal distributions), and
    may turn out as large as the number of calls: slopes fitted on a noisy parent are too small, and of parallel calls
    only the slowest is felt.
    """
    inside = _inside_call(recent, variable)
    if inside is not None:
        return ParentContributions(tuple(inside))
    mechanism = recent.mechanisms.causal.get(variable)
    measured = tuple(_measured_calls(recent, variable))
    ties = [recent.tie_of(flow.parent.entity) for flow in measured]
    weighed = {Variable(tie.ends[1][1], variable.signal) for tie in ties if tie}
    conserved = measured + tuple(f for f in _along_calls(recent, variable, mechanism) if f.parent not in weighed)
    known = weighed.union(flow.parent for flow in conserved)
    fitted = tuple(_fitted(recent, variable, mechanism, known, conserved)) if mechanism else ()
    load = tuple(flow for flow in fitted if recent.roles.role(flow.parent) == "load" and flow.most > 0)
    return ParentContributions(
        tuple(f for f in conserved if f.most > 0), load, tuple(f for f in fitted if f not in load)
    )


def _along_calls(recent: Recent, variable: Variable, mechanism: Mechanism | None) -> Iterator[ParentContribution]:
    role = recent.roles.role(variable)
    if role not in ("work", "latency", "failure", "load"):
        return
    to_callee = role != "load"
    for tie in recent.calls_of(variable.entity) if to_callee else recent.calls_to(variable.entity):
        client, server = tie.ends[0][1], tie.ends[1][1]
        parent = Variable(server if to_callee else client, variable.signal)
        if (to_callee and not tie.waits) or parent not in recent.mechanisms.marginal or not _stirred(recent, parent):
            continue
        slope, error = _slope(mechanism, parent)
        calls = _calls_per_request(recent, client, server)
        if calls is None:
            if slope > 0:
                yield ParentContribution(parent, slope, error, slope + error)
            continue
        usual, unsure, most = calls
        if role == "failure":
            most = min(most, 1.0)
            usual, unsure = PASSED_ON * most, PASSED_ON * most
        if np.isfinite(error) and unsure > 0:
            weight = unsure**2 / (unsure**2 + error**2)
            usual, unsure = weight * slope + (1 - weight) * usual, sqrt(weight) * error
        yield ParentContribution(parent, float(np.clip(usual, 0.0, most)), unsure, most)


def _fitted(
    recent: Recent,
    variable: Variable,
    mechanism: Mechanism,
    known: set[Variable],
    conserved: tuple[ParentContribution, ...],
) -> Iterator[ParentContribution]:
    role = recent.roles.role(variable)
    for parent in dict.fromkeys(p.variable for p in mechanism.parents):
        if parent in known or not _stirred(recent, parent):
            continue
        slope, error = _slope(mechanism, parent)
        # A slope that is not larger than its error explains nothing (positive-part Stein estimator).
        sure = slope * max(0.0, 1.0 - (error / slope) ** 2) if slope else 0.0
        most = sure
        own_load = parent.entity == variable.entity and recent.roles.role(parent) == "load"
        if own_load and role in ("work", "latency"):
            waiting = sum(flow.slope * _usual(recent, flow.parent) for flow in conserved)
            own = max(_usual(recent, variable) - waiting, 0.1 * _usual(recent, variable))
            usual, now = _usual(recent, parent), _usual(recent, parent) + recent.gap(parent)
            queue = slopes_beyond(slope, error, own, usual, now)
            sure, most = max(sure, queue[0]), max(sure, queue[1])
            error = max(error, most - sure)
        elif sure > 0 and _contended(recent, variable, parent):
            most = max(sure, recent.gap(variable) / recent.gap(parent))
        if sure or most:
            yield ParentContribution(parent, sure, error, most)


def _contended(recent: Recent, variable: Variable, parent: Variable) -> bool:
    """Whether something else's resource is beyond its usual range: who waits for it waits longer than a straight line
    through the usual range says, and nothing tells how much longer."""
    both_rose = recent.gap(variable) > 0 and recent.score(parent) > 1 and recent.gap(parent) > 0
    return both_rose and parent.entity != variable.entity and recent.roles.role(parent) in ("saturation", "latency")


def _slope(mechanism: Mechanism | None, parent: Variable) -> tuple[float, float]:
    """A fitted slope and its standard error; infinite where it was not fitted."""
    if mechanism is None:
        return 0.0, float("inf")
    first = len(mechanism.coefficients) - len(mechanism.parents)
    places = [first + number for number, one in enumerate(mechanism.parents) if one.variable == parent]
    if not places:
        return 0.0, float("inf")
    spread = (mechanism.above + mechanism.below) / 2 / WIDTH
    variance = float(mechanism.covariance[np.ix_(places, places)].sum())
    return mechanism.slope(parent), spread * sqrt(max(variance, 0.0))


def _calls_per_request(recent: Recent, client: Entity, server: Entity) -> tuple[float, float, float] | None:
    """Calls of a server for each request of a client: usual, its standard error, and the most there can be."""
    loads = {one: recent.measured(one, "load") for one in (client, server)}
    asked, answered = (_usual(recent, load) if load else 0.0 for load in (loads[client], loads[server]))
    if asked <= 0 or answered <= 0:
        return None
    callers = {tie.ends[0][1] for tie in recent.calls_to(server)} | {client}
    measured = [recent.measured(one, "load") for one in callers]
    together = sum(_usual(recent, load) for load in measured if load)
    usual = answered / max(together, asked)
    return usual, SHARED[len(callers) == 1] * usual, answered / asked


def _measured_calls(recent: Recent, work: Variable) -> Iterator[ParentContribution]:
    """Seconds of the calls a service waits for, for each of its requests."""
    requests = recent.mean(work.entity, "load")
    if recent.roles.role(work) != "work" or not requests:
        return
    for tie in recent.calls_of(work.entity):
        call = tie.end("call")
        seconds = recent.measured(call, "work") if call and tie.waits else None
        if call and seconds is not None and seconds in recent.mechanisms.marginal:
            calls = recent.mean(call, "load")
            each = (1.0 if calls is None else calls) / requests
            yield ParentContribution(seconds, each, 0.0, each)


def _inside_call(recent: Recent, variable: Variable) -> list[ParentContribution] | None:
    """Where a call's seconds are spent beyond the wire; None for anything but the work of a call.

    Client seconds minus server seconds is the wire, and stays with the call. Server seconds belong to the server's
    work where that is slower than usual, otherwise to what this client asks of it. Where they are not measured, the
    server's work per request, over all its clients, stands in for them.
    """
    tie = recent.tie_of(variable.entity)
    if tie is None or recent.roles.role(variable) != "work":
        return None
    work = recent.measured(tie.ends[1][1], "work")
    slower = work is not None and recent.gap(work) > 0 and _stirred(recent, work)
    served = recent.measured(variable.entity, "work", "server")
    if served is None or served not in recent.mechanisms.marginal:
        return [ParentContribution(work, 1.0, 0.0, 1.0)] if work else []
    if not (work and slower):
        return [] if served == variable else [ParentContribution(served, 1.0, 0.0, 1.0)]
    each = recent.gap(served) / recent.gap(work)
    return [ParentContribution(work, each, 0.0, each)]


def _stirred(recent: Recent, parent: Variable) -> bool:
    asked = recent.roles.role(parent) == "load" and parent in recent.matrix
    return asked or abs(recent.score(parent)) >= STIRRED


def _usual(recent: Recent, variable: Variable) -> float:
    return mean(recent.roles.level(recent.matrix, variable)) - recent.gap(variable)
