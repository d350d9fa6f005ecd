"""Which experiment or measurement next: the one that tells most about edges, or about a cause, for what it costs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from datasource.data import Variable
from datasource.effects.result import Estimate
from datasource.effects.study import StudyError
from datasource.effects.what_if import reached, what_if
from datasource.effects.windows import window_steps
from datasource.graph import Edge
from datasource.interventions.impact import names_of
from datasource.interventions.information import entropy, power_of_mean, probability
from datasource.interventions.power import FEWEST, spread_of_means
from datasource.interventions.trial import Known, Open, Suspect, Touched, Trial, best

_LOOKED_AT = 60
"""Variables with the most doubtful edges out of them of which it is found out which edges would be told about."""
_TRIED = 12
"""Of these, so many are tried as treatments."""
_REACHED = 1500
"""So many variables at most are reached by them together: an answer within seconds in a large graph."""
_SHORTEST = 600.0
"""Seconds that an experiment lasts at least, less where `_POINTS` come sooner."""
_POINTS = 20
_LONGER = (1, 2, 4, 8)
"""It may last so many times as long."""
_SIZES = (0.1, 0.25, 0.5, 1.0)
"""Shares of the way from the level now to where the variable was seen in one of a hundred points: no extrapolation."""
_WORK = 60.0
"""Minutes that it costs somebody to have something measured that is not."""
_SEEN_ONLY = 0.5
"""Share of what is open about an edge that a measurement without an experiment tells: an association may have
another cause."""
_NEARLY = 0.8
"""Share of what the largest and longest one would tell: with less it would have to be made again."""
_FELT = ("latency", "failure", "success")
_PER_95 = 3.92
"""Standard errors in the width of a 95% interval."""


def next_for_edges(known: Known, edges: Sequence[Edge], about: Collection[str] = ()) -> list[Trial]:
    """The trials that tell most about edges of the graph for what they cost, the best first. Pure.

    An experiment moves a variable; of the edges out of it those tell whose effect no other way of the graph leads to,
    as `verdicts` has it. How likely an effect is seen follows from what the equations predict and from how far means
    over that time differ by chance. `about` are names of variables or entities: only edges at one of them count.
    """
    doubts: dict[Variable, dict[Variable, float]] = {}
    for edge in edges:
        if not about or (names_of(edge.cause) | names_of(edge.effect)) & set(about):
            mine = doubts.setdefault(edge.cause, {})
            sure = probability(edge.evidence)
            mine[edge.effect] = max(mine.get(edge.effect, 0.0), sure)
    most = sorted(doubts, key=lambda cause: (-sum(map(entropy, doubts[cause].values())), cause))[:_LOOKED_AT]
    told = [(cause, mine) for cause in most if (mine := _told_apart(known, cause, doubts[cause]))]
    told.sort(key=lambda one: (-sum(map(entropy, one[1].values())), one[0]))
    found: list[Trial] = []
    moved = 0
    for cause, mine in told[:_TRIED]:
        moved += len(reached(known.model, cause))
        if found and moved > _REACHED:
            break
        trial = _move(known, cause, mine)
        found += [] if trial is None else [trial]
    return best([*found, *_unmeasured(known, edges, about)])


def next_for_cause(
    known: Known, symptom: Variable, suspects: Sequence[Suspect], calls: Iterable[tuple[str, str, str]] = ()
) -> list[Trial]:
    """The trials that tell most about who is the cause of a symptom, the best first. Pure.

    Undoing what changed at a suspect tells: where it is the cause, the symptom goes back by its part. What nobody
    measures would be told by measuring it; two suspects, of whom one calls the other, by measuring the call: `calls`
    are (client, server, in words).
    """
    sure = {one.name: one.sure for one in suspects}
    found = [trial for one in suspects if (trial := _relieve(known, symptom, one)) is not None]
    for one in suspects:
        if one.variable is None:
            found.append(_measurement(one.name, [Open(one.name, one.sure, 1.0)], entropy(one.sure)))
    for client, server, words in calls:
        both = sure.get(client, 0.0) + sure.get(server, 0.0)
        if client in sure and server in sure and both > 0:
            bits = both * entropy(sure[client] / both)
            found.append(_measurement(words, [Open(name, sure[name], 1.0) for name in (client, server)], bits))
    return best(found)


def _told_apart(known: Known, cause: Variable, own: Mapping[Variable, float]) -> dict[Variable, float]:
    """Of the effects of a cause those that it reaches by one edge alone, and that are measured. An event happens, and
    is not held at a level."""
    graph, levels = known.model.graph, known.model.levels
    if cause not in levels or known.signals[cause.signal].kind == "event" or not np.isfinite(levels[cause].now):
        return {}
    after = {child: graph.descendants(child) for child in graph.effects_of(cause) if child != cause}
    return {
        effect: sure
        for effect, sure in own.items()
        if effect in levels and not any(effect in reached for child, reached in after.items() if child != effect)
    }


class _Design(NamedTuple):
    """Share of the whole way, seconds, and what it tells."""

    size: float
    seconds: float
    told: tuple[Open, ...]


def _move(known: Known, cause: Variable, effects: Mapping[Variable, float]) -> Trial | None:
    """The best size and time of an experiment that moves a cause."""
    way = _way(known, cause)
    if not way:
        return None
    predicted = _predicted(known, cause, way, effects)
    designs = []
    for longer in _LONGER:
        seconds = longer * _shortest(known, cause)
        errors = {effect: _error(known, effect, seconds) for effect in effects}
        for size in _SIZES:
            told = [
                Open(f"{cause} -> {effect}", sure, _power(predicted.get(effect), size, errors[effect]), (cause, effect))
                for effect, sure in effects.items()
            ]
            designs.append(_Design(size, seconds, tuple(told)))
    return _cheapest(known, cause, way, predicted, designs)


def _relieve(known: Known, symptom: Variable, one: Suspect) -> Trial | None:
    """Undo what changed at a suspect, for the shortest time that is as good as any."""
    if one.variable is None or one.variable not in known.model.levels or not np.isfinite(one.back):
        return None
    designs = []
    for longer in _LONGER:
        seconds = longer * _shortest(known, symptom)
        power = power_of_mean(one.part, _error(known, symptom, seconds))
        designs.append(_Design(1.0, seconds, (Open(one.name, one.sure, power),)))
    return _cheapest(known, one.variable, one.back, _predicted(known, one.variable, one.back), designs)


def _cheapest(
    known: Known, variable: Variable, way: float, predicted: Mapping[Variable, Estimate], designs: Sequence[_Design]
) -> Trial:
    """Of designs of one experiment the best of those that tell nearly as much as any; `predicted` is for the whole
    way."""
    touched = _touched(known, predicted)
    suffering = sum(one.score for one in touched if one.score > 0 and _harms(known, one))
    plan = next((name for name, plan in known.plans.items() if names_of(variable) & set(plan.targets)), "")
    trials = []
    for size, seconds, told in designs:
        bits, cost = sum(one.information for one in told), seconds / 60 * (1 + size * suffering)
        felt = tuple(one.scaled(size) for one in touched)
        trials.append(Trial("experiment", variable, size * way, seconds, told, bits, cost, felt, plan))
    most = max(one.information for one in trials)
    return max((one for one in trials if one.information >= _NEARLY * most), key=lambda one: one.worth)


def _measurement(what: str, told: Sequence[Open], bits: float) -> Trial:
    return Trial("measurement", None, np.nan, 0.0, tuple(told), bits, _WORK, measure=what)


def _unmeasured(known: Known, edges: Sequence[Edge], about: Collection[str]) -> Iterator[Trial]:
    """What the graph has and nobody measures: each with the edges at it that would be told about."""
    told: dict[Variable, list[Open]] = {}
    for edge in edges:
        if about and not (names_of(edge.cause) | names_of(edge.effect)) & set(about):
            continue
        for end in (edge.cause, edge.effect):
            if end in known.model.graph.unmeasured:
                open_one = Open(f"{edge.cause} -> {edge.effect}", probability(edge.evidence), _SEEN_ONLY)
                told.setdefault(end, []).append(open_one._replace(edge=(edge.cause, edge.effect)))
    for variable, mine in sorted(told.items())[:_TRIED]:
        yield _measurement(str(variable), mine, _SEEN_ONLY * sum(entropy(one.sure) for one in mine))


def _way(known: Known, variable: Variable) -> float:
    """From its level now to where it was seen in one of a hundred points: up, where there is room; 0 where it never
    moved."""
    row = known.matrix.row(variable) if variable in known.matrix else np.empty(0)
    row = row[np.isfinite(row)]
    if not row.size:
        return 0.0
    low, high = np.percentile(row, [1, 99])
    now = known.model.levels[variable].now
    up, down = float(high - now), float(low - now)
    return up if up > 0.1 * (high - low) else min(down, 0.0)


def _predicted(
    known: Known, variable: Variable, way: float, asked: Iterable[Variable] = ()
) -> dict[Variable, Estimate]:
    """The change of what users feel, and of what is asked for, were it moved all the way."""
    felt = {v for v in reached(known.model, variable) if known.signals[v.signal].role in _FELT} | set(asked)
    try:
        found = what_if(known.model, variable, known.model.levels[variable].now + way, sorted(felt)) if felt else ()
    except (StudyError, np.linalg.LinAlgError):
        return {}
    return {one.outcome: one.change for one in found if np.isfinite(one.change.value)}


def _power(change: Estimate | None, size: float, error: float) -> float:
    """How likely a change is seen, whose prediction is itself not sure."""
    if change is None:
        return 0.0
    own = size * (change.upper - change.lower) / _PER_95
    return power_of_mean(size * change.value, float(np.hypot(error, own if np.isfinite(own) else np.inf)))


def _shortest(known: Known, variable: Variable) -> float:
    """Seconds after which there are a few points that show an experiment in full."""
    step = known.matrix.step
    return max(min(_SHORTEST, _POINTS * step), step * (4 + window_steps(known.signals[variable.signal], step)))


def _error(known: Known, outcome: Variable, seconds: float) -> float:
    """The standard error of what is measured in so many seconds beside as many without; where fewer stretches of that
    length are known than it takes, that of shorter ones."""
    if outcome not in known.matrix:
        return np.inf
    step, row = known.matrix.step, known.matrix.row(outcome)
    settling = window_steps(known.signals[outcome.signal], step) * step
    try:
        return float(np.sqrt(2)) * spread_of_means(row, step, min(seconds, len(row) * step // FEWEST), settling)
    except StudyError:
        return np.inf


def _touched(known: Known, predicted: Mapping[Variable, Estimate]) -> list[Touched]:
    """Who of those whom users feel would move, whom it moves most first; where the interval holds 0 nobody is thought
    to."""
    found = []
    for variable, change in predicted.items():
        if known.signals[variable.signal].role not in _FELT or change.lower <= 0 <= change.upper:
            continue
        below, above = known.usual.get(variable, (np.nan, np.nan))
        width = above if change.value > 0 else below
        found.append(Touched(variable, change, abs(change.value) / width if width > 0 else np.nan))
    return sorted(found, key=lambda one: (-np.nan_to_num(one.score), one.variable))


def _harms(known: Known, one: Touched) -> bool:
    """Whether somebody suffers by it: more latency and failures, fewer successes."""
    return (one.change.value > 0) != (known.signals[one.variable.signal].role == "success")
