"""What alarms over a time: every score of a matrix, and how high each persists."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from datasource.anomaly.causes.quiet import Flags, QuietTimes, Silence
from datasource.anomaly.mechanisms.fit import Mechanisms
from datasource.anomaly.mechanisms.follow import follow
from datasource.anomaly.mechanisms.mechanism import Mechanism, Prediction
from datasource.anomaly.mechanisms.persistence import Persistence
from datasource.anomaly.roles import Roles
from datasource.telemetry import Entity, Floats, Matrix, Variable


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
) -> Iterator[Seen]:
    """Every variable of the matrix that has mechanisms, entity by entity. In a time of `silence` nothing is an alarm.

    With `following`, levels that move are followed from the first time on, as the service does between two fits; what
    a quiet time brings is not followed.
    """
    own: dict[Entity, list[Variable]] = {}
    for variable in mechanisms.causal:
        if variable in matrix:
            own.setdefault(variable.entity, []).append(variable)
    for entity, variables in own.items():
        seen = [_seen(mechanisms, matrix, roles, persistence, silence, one, following) for one in variables]
        joint = mechanisms.joint.get(entity)
        if joint is not None:
            by_variable = {one.variable: one.causal.score for one in seen}
            unknown = np.full(matrix.values.shape[1], np.nan)
            scores = [by_variable.get(variable, unknown) for variable in joint.variables]
            if silence:
                scores = [silence.together(v, score) for v, score in zip(joint.variables, scores, strict=True)]
            height = np.nan_to_num(joint.score(scores))
            largest = np.argmax(np.nan_to_num(np.stack(scores), nan=-1.0), axis=0)
            for number, variable in enumerate(joint.variables):
                mine = np.where(largest == number, height, 0.0)
                seen = [
                    one._replace(heights={**one.heights, "joint": mine}) if one.variable == variable else one
                    for one in seen
                ]
        yield from seen


def silence_of(
    quiet_times: QuietTimes, mechanisms: Mechanisms, matrix: Matrix, roles: Roles, persistence: Persistence
) -> Silence:
    """Who is silent when, at the times of a matrix."""

    def score_of(variable: Variable, kind: str) -> Floats:
        mechanism: Mechanism = getattr(mechanisms, kind)[variable]
        return mechanism.predict(matrix, roles).score

    scored = [variable for variable in mechanisms.causal if variable in matrix]
    return quiet_times.silence(scored, matrix.times, score_of, persistence)


def _seen(
    mechanisms: Mechanisms,
    matrix: Matrix,
    roles: Roles,
    persistence: Persistence,
    silence: Silence | None,
    variable: Variable,
    following: bool,
) -> Seen:
    both = {"causal": mechanisms.causal[variable], "marginal": mechanisms.marginal[variable]}
    found: dict[str, Prediction] = {}
    heard = silence or Silence()
    for kind, mechanism in both.items():
        if kind == "causal" and mechanism is both["marginal"]:
            continue
        prediction = mechanism.predict(matrix, roles)
        if following:
            prediction = _following(mechanism, prediction, matrix, roles, mechanisms.lasting, heard.own.get(variable))
        found[kind] = prediction
    found.setdefault("causal", found["marginal"])
    heights = {
        kind: heard.heights(variable, kind, found[kind].score, persistence, both[kind].strong)
        for kind in roles.alarms(variable)
    }
    return Seen(variable, found["causal"], found["marginal"], heights)


def _following(
    mechanism: Mechanism, prediction: Prediction, matrix: Matrix, roles: Roles, lasting: float, quiet: Flags | None
) -> Prediction:
    """The prediction with a level that follows from the first time on, but not what is `quiet`."""
    widths = (prediction.upper - prediction.expected) * (mechanism.reference / mechanism.above)
    with np.errstate(all="ignore"):
        gaps = (prediction.observed - prediction.expected) / widths
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
