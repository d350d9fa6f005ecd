"""Which experiment or measurement next: the one that tells most about edges, or about a cause, for what it costs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from datasource.data import Matrix, Variable
from datasource.effects.result import Estimate
from datasource.effects.structural import StructuralModel
from datasource.effects.study import StudyError
from datasource.effects.what_if import what_if
from datasource.effects.windows import window_steps
from datasource.graph import Edge
from datasource.interventions.impact import names_of
from datasource.interventions.information import entropy, expected_information, power_of_mean, probability
from datasource.interventions.power import FEWEST, spread_of_means
from datasource.settings import Signal
from datasource.settings.experiments import Experiment

_TRIED = 12
"""So many variables are thought of as treatments, those with the most doubtful edges out of them."""
_SHORTEST, _POINTS = 600.0, 20
"""Seconds that an experiment lasts at least, less where so many points come sooner; it may last 2, 4 or 8 times as
long."""
_LONGER = (1, 2, 4, 8)
_SIZES = (0.1, 0.25, 0.5, 1.0)
"""Shares of the way from the level now to where the variable was seen in one of a hundred points: no extrapolation."""
_WORK = 60.0
"""Minutes that it costs somebody to have something measured that is not."""
_SEEN_ONLY = 0.5
"""Share of what is open about an edge that a measurement without an experiment tells: an association may have
another cause."""
_NEARLY = 0.8
"""Share of what the largest and longest one would tell: with less it would have to be made again."""
_LEAST = 0.01
"""Bits; what tells less is not proposed."""
_FELT = ("latency", "failure", "success")
_PER_95 = 3.92
"""Standard errors in the width of a 95% interval."""


class Open(NamedTuple):
    """What is not sure: an edge ("a -> b") or a suspected cause, how likely it is so, and how likely the experiment
    shows it where it is so. `edge` has its two ends."""

    about: str
    sure: float
    power: float
    edge: tuple[Variable, Variable] | None = None

    @property
    def information(self) -> float:
        """Bits that an experiment is expected to tell of it."""
        return expected_information(self.sure, self.power)


class Touched(NamedTuple):
    """Somebody who would feel it: the predicted change, and how many times the width of what is usual that is, above 1
    an anomaly; NaN where that is not known."""

    variable: Variable
    change: Estimate
    score: float


@dataclass(frozen=True)
class Trial:
    """An experiment or a measurement that could be made.

    variable: what is moved by `change`, in its unit, for `seconds`; or what is measured, where it has a name.
    told: what it tells about, and `information`, the bits it is expected to tell in all.
    touched: its blast radius by what-if, whom it moves most first.
    cost: minutes, each counted once more for every width of what is usual by which somebody suffers.
    plan: the experiment of the settings with this target, empty where none has it.
    measure: what is to be measured, in words, of a measurement.
    """

    kind: Literal["experiment", "measurement"]
    variable: Variable | None
    change: float
    seconds: float
    told: tuple[Open, ...]
    information: float
    cost: float
    touched: tuple[Touched, ...] = ()
    plan: str = ""
    measure: str = ""

    @property
    def worth(self) -> float:
        """Bits a minute."""
        return self.information / self.cost


class Suspect(NamedTuple):
    """Who may be the cause of an incident, and how likely: `variable` is what shows it, `back` the way back from its
    level to what is usual, `part` how far the symptom would go back were it the cause. Without a variable nobody
    measures it."""

    name: str
    sure: float
    variable: Variable | None = None
    back: float = np.nan
    part: float = np.nan


class Known(NamedTuple):
    """What trials are weighed by: `usual` has the widths of what is usual, below and above, by variable; `plans` are
    the allowed experiments of the settings."""

    matrix: Matrix
    signals: Mapping[str, Signal]
    model: StructuralModel
    usual: Mapping[Variable, tuple[float, float]]
    plans: Mapping[str, Experiment]


def next_for_edges(known: Known, edges: Iterable[Edge], about: Collection[str] = ()) -> list[Trial]:
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
    doubts = {cause: mine for cause, own in doubts.items() if (mine := _told_apart(known, cause, own))}
    most = sorted(doubts, key=lambda cause: (-sum(map(entropy, doubts[cause].values())), cause))[:_TRIED]
    found = [trial for cause in most if (trial := _move(known, cause, doubts[cause])) is not None]
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


def best(trials: Iterable[Trial]) -> list[Trial]:
    """Those that tell something, most bits a minute first."""
    telling = [one for one in trials if one.information >= _LEAST]
    return sorted(telling, key=lambda one: (-one.worth, str(one.variable), one.measure))


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


def _move(known: Known, cause: Variable, effects: Mapping[Variable, float]) -> Trial | None:
    """The best size and time of an experiment that moves a cause."""
    way = _way(known, cause)
    if not way:
        return None
    predicted = _predicted(known, cause, way)
    options = []
    for longer in _LONGER:
        seconds = longer * _shortest(known, cause)
        errors = {effect: _error(known, effect, seconds) for effect in effects}
        for size in _SIZES:
            told = [
                Open(f"{cause} -> {effect}", sure, _power(predicted.get(effect), size, errors[effect]), (cause, effect))
                for effect, sure in effects.items()
            ]
            options.append(_experiment(known, cause, size, way, seconds, predicted, told))
    return _cheapest(options)


def _relieve(known: Known, symptom: Variable, one: Suspect) -> Trial | None:
    """Undo what changed at a suspect, for the shortest time that is as good as any."""
    if one.variable is None or one.variable not in known.model.levels or not np.isfinite(one.back):
        return None
    predicted = _predicted(known, one.variable, one.back)
    options = []
    for longer in _LONGER:
        seconds = longer * _shortest(known, symptom)
        power = power_of_mean(one.part, _error(known, symptom, seconds))
        told = [Open(one.name, one.sure, power)]
        options.append(_experiment(known, one.variable, 1.0, one.back, seconds, predicted, told))
    return _cheapest(options)


def _cheapest(options: Sequence[Trial]) -> Trial:
    """Of sizes and times of one experiment the best of those that tell nearly as much as any."""
    most = max(one.information for one in options)
    return max((one for one in options if one.information >= _NEARLY * most), key=lambda one: one.worth)


def _experiment(
    known: Known,
    variable: Variable,
    size: float,
    way: float,
    seconds: float,
    predicted: Mapping[Variable, Estimate],
    told: Sequence[Open],
) -> Trial:
    touched = tuple(_touched(known, predicted, size))
    suffering = sum(one.score for one in touched if one.score > 0 and _harms(known, one))
    plan = next((name for name, plan in known.plans.items() if names_of(variable) & set(plan.targets)), "")
    bits = sum(one.information for one in told)
    cost = seconds / 60 * (1 + suffering)
    return Trial("experiment", variable, size * way, seconds, tuple(told), bits, cost, touched, plan)


def _measurement(what: str, told: Sequence[Open], bits: float) -> Trial:
    return Trial("measurement", None, np.nan, 0.0, tuple(told), bits, _WORK, measure=what)


def _unmeasured(known: Known, edges: Iterable[Edge], about: Collection[str]) -> Iterator[Trial]:
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


def _predicted(known: Known, variable: Variable, way: float) -> dict[Variable, Estimate]:
    """The change of everything that it reaches, were it moved all the way."""
    try:
        found = what_if(known.model, variable, known.model.levels[variable].now + way)
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


def _touched(known: Known, predicted: Mapping[Variable, Estimate], size: float) -> list[Touched]:
    """What users feel of it, whom it moves most first; where the interval holds 0 nobody is thought to."""
    found = []
    for variable, change in predicted.items():
        if known.signals[variable.signal].role not in _FELT or change.lower <= 0 <= change.upper:
            continue
        moved = Estimate(size * change.value, size * change.lower, size * change.upper)
        below, above = known.usual.get(variable, (np.nan, np.nan))
        width = above if moved.value > 0 else below
        found.append(Touched(variable, moved, abs(moved.value) / width if width > 0 else np.nan))
    return sorted(found, key=lambda one: (-np.nan_to_num(one.score), one.variable))


def _harms(known: Known, one: Touched) -> bool:
    """Whether somebody suffers by it: more latency and failures, fewer successes."""
    return (one.change.value > 0) != (known.signals[one.variable.signal].role == "success")
