"""What persists at the newest points, and what of it counts: who is silent, and why."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import NamedTuple

import numpy as np

from datasource.anomaly.constants import JOINT_CAP, STRONG_POINTS
from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.joint import together
from datasource.anomaly.mechanism import Prediction
from datasource.anomaly.persistence import Persistence, newest_points
from datasource.causes.constants import MOST_OF_IT
from datasource.causes.demand import Demand, Surge, surge_sentences
from datasource.causes.quiet import QuietEntity, QuietTimes, Silence, quiet_sentences
from datasource.causes.recurrence import JOINT, Recurrences, recurrence_sentences
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import Roles


class Scores(NamedTuple):
    """The newest prediction of a variable, given its parents and given only its own season and level,
    and whether either score has persisted above 1, and counts: in a quiet time it does not.

    They end with the newest sample of the variable, so many steps `behind` the newest column.
    """

    causal: Prediction
    marginal: Prediction
    causal_persists: bool
    marginal_persists: bool
    behind: int = 0

    def without(self, kind: str) -> "Scores":
        """The same, where a kind of score does not count."""
        return self._replace(causal_persists=False) if kind == "causal" else self._replace(marginal_persists=False)


class Jointly(NamedTuple):
    """The joint score of an entity by time, at the newest points that an alarm needs, and the variables that make most
    of it where it is highest, the largest first."""

    score: Floats
    largest: tuple[Variable, ...]


class Silenced(NamedTuple):
    """Who does not alarm: who is in a quiet time, or would be anomalous if it did not suffer by one of those (`quiet`);
    who would be anomalous if it did not suffer by what is asked of somebody, and by nothing else (`surges`); who would
    be, were it not so at this time of day on other days, too (`recurring`)."""

    quiet: tuple[QuietEntity, ...] = ()
    surges: tuple[Surge, ...] = ()
    recurring: tuple[Entity, ...] = ()

    def told(self, time: float) -> tuple[str, ...]:
        """Who is silent at a time (seconds), and why, in words."""
        return (
            *quiet_sentences(self.quiet, time),
            *surge_sentences(self.by_demand),
            *recurrence_sentences(self.recurring),
        )

    @property
    def by_demand(self) -> dict[Entity, list[Entity]]:
        """Who suffers by demand at whom."""
        found: dict[Entity, list[Entity]] = {}
        for one in self.surges:
            found.setdefault(one.at, []).append(one.entity)
        return found

    @property
    def entities(self) -> frozenset[Entity]:
        """Everybody who is silent."""
        return frozenset({*(one.entity for one in self.quiet), *(one.entity for one in self.surges), *self.recurring})


class Heard(NamedTuple):
    """The scores with what persists and counts, the joint score of each entity of which enough is known (the highest of
    the newest points), those of them that are above 1 and count, and who is silent."""

    scores: dict[Variable, Scores]
    joint: dict[Entity, float]
    jointly: dict[Entity, Jointly]
    silenced: Silenced
    persisting: tuple[Variable, ...]
    """The variables with a score that persists, whether it counts or not: most have none."""
    newest: Floats
    """The newest causal scores, a row for each of `scores` (at most `persistence.of` columns)."""

    def loud(self, roles: Roles) -> set[Entity]:
        """Who alarms."""
        return self.anomalous(roles) | self.jointly.keys()

    def well(self, entity: Entity) -> bool:
        """Whether no score of an entity was above 1 at the newest two points."""
        own = (one for variable, one in self.scores.items() if variable.entity == entity)
        scores = (part.score[-STRONG_POINTS:] for one in own for part in (one.causal, one.marginal))
        return not any((np.nan_to_num(score) > 1).any() for score in scores)

    def broke(self, roles: Roles, of: int) -> dict[Entity, float]:
        """The highest causal score that alarms of each entity, at the newest `of` points."""
        highest = np.nan_to_num(self.newest[:, -of:]).max(axis=1, initial=0.0).tolist()
        found: dict[Entity, float] = {}
        for variable, height in zip(self.scores, highest, strict=True):
            if "causal" in roles.alarms(variable):
                found[variable.entity] = max(found.get(variable.entity, 0.0), height)
        return found

    def judged(self, roles: Roles, points: int) -> frozenset[Entity]:
        """The entities of which so many of the newest points are known, of a variable that may alarm."""
        known = (np.isfinite(self.newest).sum(axis=1) >= points).tolist()
        return frozenset(v.entity for v, enough in zip(self.scores, known, strict=True) if enough and roles.alarms(v))

    def greedy(self, roles: Roles) -> set[Entity]:
        """Who uses more of a resource than its causes explain."""
        persisting = (v for v in self.persisting if self.scores[v].causal_persists)
        return {v.entity for v in persisting if roles.role(v) == "saturation"}

    def anomalous(self, roles: Roles) -> set[Entity]:
        """Who alarms by a variable of its own."""
        return {
            variable.entity
            for variable in self.persisting
            if any(getattr(self.scores[variable], f"{kind}_persists") for kind in roles.alarms(variable))
        }


def persists(predictions: Sequence[Prediction], persistence: Persistence, strong: Sequence[float]) -> list[bool]:
    """Of each prediction, whether `points` of the newest `of` scores are above 1, or the newest two above its `strong`,
    which is 1 at least; all are of the same times."""
    if not predictions:
        return []
    scores = newest_points([prediction.score for prediction in predictions], persistence.of)
    lasting = (scores > 1).sum(axis=1) >= persistence.points
    far = (scores[:, -STRONG_POINTS:] > np.array(strong)[:, None]).sum(axis=1) == STRONG_POINTS
    found: list[bool] = (lasting | far).tolist()
    return found


def hear(
    scores: dict[Variable, Scores],
    mechanisms: Mechanisms,
    roles: Roles,
    window: Callable[[int], Matrix],
    persistence: Persistence,
    quiet_times: QuietTimes,
    recurrences: Recurrences,
) -> Heard:
    """What of the `scores` counts. `window` has the columns that they were predicted at, so many steps behind; at least
    the newest `of`. `recurrences` learn what alarms, heard or not."""
    hearing = _Hearing(scores, mechanisms, roles, window, persistence)
    times = window(0).times
    raw = heard = hearing.of(Silence())
    silence = Silence()
    quiet: tuple[QuietEntity, ...] = ()
    if quiet_times.blocks:
        silence = quiet_times.silence(scores, times, hearing.score_of, persistence)
        heard = hearing.of(silence, raw)
        quiet = quiet_times.entities(silence, raw.loud(roles) - heard.loud(roles), times[-persistence.of :])
    demand = Demand(mechanisms, roles, persistence, scores, hearing.look)
    nobody_else = hearing.of(replace(silence, demand=demand), heard)
    spared = heard.loud(roles) - nobody_else.loud(roles)
    own: dict[Entity, list[Variable]] = {entity: [] for entity in sorted(spared)}
    for variable in scores:
        if variable.entity in own:
            own[variable.entity].append(variable)
    surges = tuple(Surge(entity, demand.at(variables) or entity) for entity, variables in own.items())
    new = hearing.new(nobody_else, recurrences, int(times[-1]))
    recurring = tuple(sorted(nobody_else.loud(roles) - new.loud(roles)))
    return new._replace(silenced=Silenced(quiet, surges, recurring))


_NONE = Silence()


@dataclass(frozen=True)
class _Hearing:
    scores: dict[Variable, Scores]
    mechanisms: Mechanisms
    roles: Roles
    window: Callable[[int], Matrix]
    persistence: Persistence

    def of(self, silence: Silence, before: Heard | None = None) -> Heard:
        """What is heard of what was heard `before`."""
        found = dict(before.scores if before else self.scores)
        # Without any silence all that persists is heard.
        for variable, kind in self._alarming(found, self.persisting) if silence != _NONE else ():
            if not self._height(silence, variable, kind) > 1:
                found[variable] = found[variable].without(kind)
        return Heard(found, *self._jointly(silence, before), Silenced(), self.persisting, self.newest)

    def new(self, before: Heard, recurrences: Recurrences, now: int) -> Heard:
        """What of that does not come back at this time of day."""
        found, jointly = dict(before.scores), dict(before.jointly)
        time = np.array([now])
        for variable in dict.fromkeys(variable for variable, _ in self._alarming(found, self.persisting)):
            kinds = [kind for _, kind in self._alarming(found, (variable,))]
            heights = {kind: np.array([self._height(Silence(), variable, kind)]) for kind in kinds}
            for kind, height in recurrences.heard(variable, time, heights).items():
                if not height[0] > 1:
                    found[variable] = found[variable].without(kind)
        for entity, one in before.jointly.items():
            height = recurrences.heard(Variable(entity, JOINT), time, {JOINT: one.score.max(keepdims=True)})[JOINT]
            if not height[0] > 1:
                del jointly[entity]
        return before._replace(scores=found, jointly=jointly)

    def score_of(self, variable: Variable, kind: str) -> Floats:
        """The scores of a variable, by time."""
        prediction: Prediction = getattr(self.scores[variable], kind)
        return prediction.score

    def look(self, variable: Variable, kind: str) -> tuple[Floats, Floats]:
        """By time, the gap (per request where the role says so) and the score."""
        found: Prediction = getattr(self.scores[variable], kind)
        return found.gap, found.score

    @cached_property
    def newest(self) -> Floats:
        """The newest causal scores, a row for each variable."""
        return newest_points([one.causal.score for one in self.scores.values()], self.persistence.of)

    @cached_property
    def persisting(self) -> tuple[Variable, ...]:
        """The variables with a score that persists."""
        return tuple(v for v, one in self.scores.items() if one.causal_persists or one.marginal_persists)

    def _alarming(self, scores: Mapping[Variable, Scores], of: Iterable[Variable]) -> list[tuple[Variable, str]]:
        """The scores of some variables that alarm, by variable and kind."""
        return [
            (variable, kind)
            for variable in of
            for kind in self.roles.alarms(variable)
            if getattr(scores[variable], f"{kind}_persists")
        ]

    def _height(self, silence: Silence, variable: Variable, kind: str) -> float:
        strong = getattr(self.mechanisms, kind)[variable].strong
        return float(silence.heights(variable, kind, self.score_of(variable, kind), self.persistence, strong)[-1])

    def _jointly(self, silence: Silence, before: Heard | None) -> tuple[dict[Entity, float], dict[Entity, Jointly]]:
        """The joint score of every entity of which enough is known, the highest of the newest `points`; and more of
        those where what is heard is above 1."""
        if before is None:
            highest = self._joint_scores()
            looked_at = [entity for entity, height in highest.items() if height > 1]
        else:
            highest = before.joint
            touched = {variable.entity for variable in (*silence.own, *silence.explained)}
            looked_at = [one for one in self.mechanisms.joint if one in touched or one in before.jointly]
        points = self.persistence.points
        unknown = np.full(points, np.nan)
        above = {}
        for entity in looked_at:
            joint = self.mechanisms.joint[entity]
            own = [self.scores[v].causal.score[-points:] if v in self.scores else unknown for v in joint.variables]
            score = silence.joint(joint, own)[0]
            place = int(np.argmax(score))
            if score[place] > 1:
                there = np.nan_to_num(np.array([score[place] for score in own]))
                above[entity] = Jointly(score, _largest(joint.variables, there))
        return highest, above

    def _joint_scores(self) -> dict[Entity, float]:
        """The highest joint score at the newest `points` of every entity of which enough is known."""
        points = self.persistence.points
        place = {variable: row for row, variable in enumerate(self.scores)}
        newest = np.vstack([self.newest, np.full((1, self.newest.shape[1]), np.nan)])[:, -points:]
        alike: dict[int, list[Entity]] = {}
        for entity, joint in self.mechanisms.joint.items():
            alike.setdefault(len(joint.variables), []).append(entity)
        found: dict[Entity, float] = {}
        for size, entities in alike.items():
            joints = [self.mechanisms.joint[entity] for entity in entities]
            rows = [place.get(variable, -1) for joint in joints for variable in joint.variables]
            levels = np.array([joint.level for joint in joints])
            heights = together(newest[rows].reshape(-1, size, newest.shape[1])) / levels[:, None]
            highest = np.fmax.reduce(heights, axis=1)
            found |= {one: height for one, height in zip(entities, highest.tolist(), strict=True) if isfinite(height)}
        return {entity: found[entity] for entity in self.mechanisms.joint if entity in found}


def _largest(variables: Sequence[Variable], scores: Floats) -> tuple[Variable, ...]:
    """The variables that make most of a joint score, the largest first: as few as are most of the sum of squares."""
    squares = np.clip(scores, 0, JOINT_CAP) ** 2
    order = sorted(range(len(variables)), key=lambda number: (-scores[number], str(variables[number])))
    told = np.cumsum(squares[order])
    enough = int(np.searchsorted(told, MOST_OF_IT * told[-1])) + 1
    return tuple(variables[number] for number in order[:enough])
