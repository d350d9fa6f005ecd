"""What alarms over a time: every score of a matrix, and how high each persists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from datasource.anomaly.fit import Mechanisms
from datasource.anomaly.follow import follow
from datasource.anomaly.joint import Joint
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.persistence import Persistence
from datasource.causes.demand import Demand
from datasource.causes.quiet import Flags, QuietTimes, Silence
from datasource.causes.recurrence import JOINT, Recurrences
from datasource.data import Entity, Floats, Matrix, Variable
from datasource.data.roles import Roles


class Seen(NamedTuple):
    """A variable's predictions by time, and for each kind of score that alarms how high it persists: above 1 is an
    alarm. The kind `joint` is the joint score of its entity, at the times when this variable is its largest part."""

    variable: Variable
    causal: Prediction
    marginal: Prediction
    heights: Mapping[str, Floats]


def watch(
    mechanisms: Mechanisms,
    matrix: Matrix,
    roles: Roles,
    persistence: Persistence,
    silence: Silence | None = None,
    *,
    following: bool = True,
    recurrences: Recurrences | None = None,
) -> Iterator[Seen]:
    """Every variable of the matrix that has mechanisms, entity by entity. In a time of `silence` nothing is an alarm,
    nor is what demand explains, nor what comes back at the same time of day as `recurrences` have it; these learn.

    With `following`, levels that move are followed from the first time on, as the service does between two fits; what
    a quiet time brings is not followed.
    """
    return iter(
        _Watch(mechanisms, matrix, roles, persistence, silence or Silence(), following, recurrences or Recurrences())
    )


def silence_of(
    quiet_times: QuietTimes, mechanisms: Mechanisms, matrix: Matrix, roles: Roles, persistence: Persistence
) -> Silence:
    """Who is silent when, at the times of a matrix."""

    def score_of(variable: Variable, kind: str) -> Floats:
        mechanism: Mechanism = getattr(mechanisms, kind)[variable]
        return mechanism.predict(matrix, roles).score

    scored = [variable for variable in mechanisms.causal if variable in matrix]
    return quiet_times.silence(scored, matrix.times, score_of, persistence)


@dataclass(frozen=True)
class _Watch:
    mechanisms: Mechanisms
    matrix: Matrix
    roles: Roles
    persistence: Persistence
    silence: Silence
    following: bool
    recurrences: Recurrences

    def __iter__(self) -> Iterator[Seen]:
        own: dict[Entity, list[Variable]] = {}
        for variable in self.mechanisms.causal:
            if variable in self.matrix:
                own.setdefault(variable.entity, []).append(variable)
        for entity, variables in own.items():
            predicted = {one: self._predictions(one) for one in variables}
            seen = {one: self._seen(one, *both) for one, both in predicted.items()}
            if (joint := self.mechanisms.joint.get(entity)) is not None:
                self._add_joint(joint, seen)
            yield from seen.values()

    def _predictions(self, variable: Variable) -> tuple[Prediction, Prediction]:
        """Causal and marginal."""
        causal, marginal = self.mechanisms.causal[variable], self.mechanisms.marginal[variable]
        usual = self._predicted(variable, marginal)
        return (usual if causal is marginal else self._predicted(variable, causal)), usual

    def _predicted(self, variable: Variable, mechanism: Mechanism) -> Prediction:
        prediction = mechanism.predict(self.matrix, self.roles)
        if not self.following:
            return prediction
        quiet = self.silence.own.get(variable)
        return _following(mechanism, prediction, self.matrix, self.roles, self.mechanisms.lasting, quiet)

    def _seen(self, variable: Variable, causal: Prediction, marginal: Prediction) -> Seen:
        heights = {}
        for kind in self.roles.alarms(variable):
            mechanism, found = getattr(self.mechanisms, kind)[variable], causal if kind == "causal" else marginal
            heights[kind] = self._heard.heights(variable, kind, found.score, self.persistence, mechanism.strong)
        return Seen(variable, causal, marginal, self.recurrences.heard(variable, self.matrix.times, heights))

    def _add_joint(self, joint: Joint, seen: dict[Variable, Seen]) -> None:
        """The joint score, at the variable that is the largest part of it."""
        unknown = np.full(self.matrix.values.shape[1], np.nan)
        own = [seen[variable].causal.score if variable in seen else unknown for variable in joint.variables]
        height, scores = self._heard.joint(joint, own)
        whole = Variable(joint.variables[0].entity, JOINT)
        height = self.recurrences.heard(whole, self.matrix.times, {JOINT: height})[JOINT]
        largest = np.argmax(np.nan_to_num(np.stack(scores), nan=-1.0), axis=0)
        for number, variable in enumerate(joint.variables):
            if variable in seen:
                mine = np.where(largest == number, height, 0.0)
                seen[variable] = seen[variable]._replace(heights={**seen[variable].heights, JOINT: mine})

    @cached_property
    def _heard(self) -> Silence:
        """With what demand explains."""
        known = {variable for variable in self.mechanisms.causal if variable in self.matrix}

        @cache
        def look(variable: Variable, kind: str) -> tuple[Floats, Floats]:
            found = self._predicted(variable, getattr(self.mechanisms, kind)[variable])
            return found.gap, found.score

        return replace(self.silence, demand=Demand(self.mechanisms, self.roles, self.persistence, known, look))


def _following(
    mechanism: Mechanism, prediction: Prediction, matrix: Matrix, roles: Roles, lasting: float, quiet: Flags | None
) -> Prediction:
    """The prediction with a level that follows from the first time on, but not what is `quiet`."""
    widths = prediction.above * (mechanism.reference / mechanism.above)
    with np.errstate(all="ignore"):
        gaps = prediction.gap / widths
    if quiet is not None:
        gaps = np.where(quiet, np.nan, gaps)
    if not np.isfinite(gaps).any():
        return prediction
    return mechanism.predict(matrix, roles, moved=_levels(gaps, matrix, lasting) * mechanism.reference)


def _levels(gaps: Floats, matrix: Matrix, lasting: float) -> Floats:
    """By time, where the level is when the point comes."""
    left = follow(np.clip(gaps, -1e6, 1e6)[None, :], matrix.times, lasting).gaps[0]
    found = np.where(np.isfinite(gaps), np.clip(gaps, -1e6, 1e6) - left, np.nan)
    known = np.flatnonzero(np.isfinite(found))
    return np.interp(np.arange(gaps.size), known, found[known])
