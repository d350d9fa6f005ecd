"""When an entity was anomalous: from the first to the last of the points that persisted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datasource.anomaly.constants import NEW_NORMAL
from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.persistence import since
from datasource.causes.judgement import Judgement, Verdict
from datasource.causes.newest_alarms import Scores
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import Roles
from datasource.incidents.model import Episode


@dataclass(frozen=True)
class Past:
    """The scores of older points, looked up when somebody asks."""

    matrix: Matrix
    mechanisms: Mechanisms
    roles: Roles

    def scores(self, variable: Variable) -> tuple[Floats, Floats]:
        """Causal and marginal scores over the last quarter of the matrix, by time. Raises KeyError if not fitted."""
        both = self.mechanisms.causal[variable], self.mechanisms.marginal[variable]
        return both[0].predict(self._newest, self.roles).score, both[1].predict(self._newest, self.roles).score

    def joint(self, entity: Entity) -> Floats:
        """The joint score over the last quarter of the matrix, by time. Raises KeyError if the entity has none."""
        joint, unknown = self.mechanisms.joint[entity], np.full(self._newest.values.shape[1], np.nan)
        scores = [self.scores(v)[0] if v in self._newest else unknown for v in joint.variables]
        return joint.score(scores)

    @cached_property
    def _newest(self) -> Matrix:
        whole = self.matrix.values.shape[1] * self.matrix.step
        return self.matrix.between(self.matrix.end - NEW_NORMAL * whole, self.matrix.end)


@dataclass(frozen=True)
class Episodes:
    """What a judgement at `time` (seconds) says of when; `patience` points without an anomaly are still one stretch."""

    judgement: Judgement
    time: int
    step: int
    points: int
    of: int
    patience: int
    past: Past | None = None

    def of_verdict(self, verdict: Verdict, *, known: bool) -> Episode:
        """Within the newest `of` points, up to now while there is no sample. Of an entity that was not `known` to be
        anomalous one looks back farther when the oldest of them is part of its anomaly."""
        symptom = verdict.causes.symptom
        if verdict.causes.together and verdict.entity in self.judgement.jointly:
            return self._of_several(verdict, known=known)
        scores = [self._persisting[symptom]] if symptom in self._persisting else self._by_entity.get(verdict.entity, [])
        above = [place for one in scores for place in self._above(one)]
        first, last = min(above, default=0), max(above, default=0)
        oldest = 1 - self.of - (self._persisting[symptom].behind if symptom in self._persisting else 0)
        if self.past and not known and first == oldest and symptom in self._persisting:
            now, before = self._persisting[symptom], self.past.scores(symptom)
            mechanisms = self.past.mechanisms.causal[symptom], self.past.mechanisms.marginal[symptom]
            persist = (now.causal_persists, now.marginal_persists)
            places = [
                since(score, self.points, self.of, self.patience, one.strong)
                for score, one, persists in zip(before, mechanisms, persist, strict=True)
                if persists
            ]
            first = min([first, *places])
        return self._episode(verdict, first, last)

    def _of_several(self, verdict: Verdict, *, known: bool) -> Episode:
        """Of an entity that is anomalous by its joint score alone: at each point above 1 it is."""
        score = self.judgement.jointly[verdict.entity].score
        above = np.flatnonzero(score > 1) - score.size + 1
        first = int(above[0])
        if self.past and not known and first == 1 - score.size:
            first = min(first, since(self.past.joint(verdict.entity), 1, 1, self.patience))
        return self._episode(verdict, first, int(above[-1]))

    def _episode(self, verdict: Verdict, first: int, last: int) -> Episode:
        return Episode(verdict.entity, self.time + first * self.step, self.time + last * self.step, named(verdict))

    def _above(self, scores: Scores) -> list[int]:
        """Places of the newest points above 1, of the scores that persist: 0 is the newest, -1 the one before."""
        persisting = [scores.causal.score] if scores.causal_persists else []
        persisting += [scores.marginal.score] if scores.marginal_persists else []
        newest = [score[-self.of :].tolist() for score in persisting]
        return [place - len(one) + 1 - scores.behind for one in newest for place, value in enumerate(one) if value > 1]

    @cached_property
    def _persisting(self) -> dict[Variable, Scores]:
        scores = self.judgement.scores
        return {variable: one for variable, one in scores.items() if one.causal_persists or one.marginal_persists}

    @cached_property
    def _by_entity(self) -> dict[Entity, list[Scores]]:
        found: dict[Entity, list[Scores]] = {}
        for variable, scores in self._persisting.items():
            found.setdefault(variable.entity, []).append(scores)
        return found


def named(verdict: Verdict) -> tuple[Entity, ...]:
    """Who is named for an anomalous entity, the likeliest first."""
    return tuple(entity for entity, _ in verdict.support)
