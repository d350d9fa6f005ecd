"""Fitting the mechanisms of a baseline, and calibrating them to the promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import inf
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datasource.anomaly.batch import Packed, predict_all
from datasource.anomaly.calibration import Baseline, calibrate, recurring, spread_over
from datasource.anomaly.fit_one import Accepted, LeftOut
from datasource.anomaly.fitting import Fitting, Row, Spread
from datasource.anomaly.follow import accepted_after, follow
from datasource.anomaly.joint import Joint
from datasource.anomaly.mechanism import Mechanism, Prediction
from datasource.anomaly.persistence import USUAL, Persistence
from datasource.anomaly.robust import median
from datasource.data import Entity, Matrix, Variable
from datasource.data.roles import Roles
from datasource.graph import CausalGraph

Kind = Literal["causal", "marginal"]

_MOST_LAGS = 8
"""Steps that a cause may act later than the graph says."""


@dataclass(frozen=True)
class Mechanisms:
    """Of every variable: given its parents (`causal`), and given only its own season and level (`marginal`).

    `joint` has the level of the joint score of entities with several variables that alarm. `supported` is how many
    alarm episodes a day parts of the baseline show, each judged by the others. `lasting` is how long (seconds) a new
    level has to last until it is usual. `notices` say what did not go as it was asked for while they were fitted.
    """

    causal: dict[Variable, Mechanism]
    marginal: dict[Variable, Mechanism]
    fitted_at: int
    supported: float = inf
    joint: dict[Entity, Joint] = field(default_factory=dict)
    lasting: float = inf
    notices: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: how they are laid out to predict is not sent to another process, nor stored."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def at_levels(self, causal: dict[Variable, Mechanism], marginal: dict[Variable, Mechanism]) -> "Mechanisms":
        """The same mechanisms in the same order, some of which have moved their level (`drift`)."""
        moved = replace(self, causal=causal, marginal=marginal)
        moved.__dict__["_packed"] = self._packed
        return moved

    def predict(self, kind: Kind, variables: Sequence[Variable], matrix: Matrix, roles: Roles) -> list[Prediction]:
        """What the mechanisms of a kind predict of these variables at every time of a matrix with few columns; see
        `predict_all`. They are laid out for that once, as long as it is the same variables that are asked for."""
        every: dict[Variable, Mechanism] = getattr(self, kind)
        mechanisms = [every[variable] for variable in variables]
        packed = self._packed.get(kind)
        if packed is None or not packed.suits(variables, matrix, roles):
            packed = self._packed[kind] = Packed.of(mechanisms, matrix, roles)
        return predict_all(mechanisms, matrix, roles, packed)

    @cached_property
    def _packed(self) -> dict[Kind, Packed]:
        return {}


def fit_mechanisms(
    matrix: Matrix,
    graph: CausalGraph,
    roles: Roles,
    *,
    older: Matrix | None = None,
    false_alarms_per_day: float = 0.5,
    persistence: Persistence = USUAL,
    thresholds: Mapping[str, float] | None = None,
    longest_lag: float = 0.0,
    left_out: Sequence[LeftOut] = (),
    accepted: Sequence[Accepted] = (),
    min_points: int = 120,
    environment: tuple[str, ...] = (),
    spread: Spread = map,
) -> Mechanisms:
    """Fit both mechanisms of every variable that has at least `min_points` samples.

    Robust least squares: rows that deviate far have no say in coefficients, nor have the times `left_out`. What was
    `accepted` is a level of its own, of which a few points are enough. A parent acts at the lags of the graph, and at
    those up to `longest_lag` (seconds, eight steps at most) that the data adds. The level then follows what moves
    slowly (see `follow`), and intervals are made as wide as the promise of `false_alarms_per_day` asks for (see
    `calibration`), times the `thresholds` by signal.

    `older` has single points, without their neighbours, of the time before `matrix`; each counts for the steps that it
    stands for. What is related within one step is fitted on both, and so knows the day from two days on and the week
    from two weeks on; a mechanism with lagged parents is fitted on `matrix` alone, and so is one with events, most of
    which lie between the points of `older`.

    `spread` applies a function to every variable, as `map` does; perhaps in several processes.
    """
    if older is not None and not older.values.shape[1]:
        older = None
    matrix = _since_known(matrix, roles)
    times = matrix.times if older is None else np.concatenate([older.times, matrix.times])
    baseline = Baseline(times, times.size - matrix.values.shape[1], matrix.step)
    longest = min(int(longest_lag // matrix.step), _MOST_LAGS)
    fitting = Fitting(matrix, older, graph, roles, baseline, longest, min_points, left_out, accepted, environment)
    rows = [row for found in spread(fitting, matrix.variables) for row in found]
    fitted, joint, supported = _calibrated(rows, baseline, false_alarms_per_day, persistence, thresholds or {})
    marginal = {one.variable: one for one, row in zip(fitted, rows, strict=True) if row.kind == "marginal"}
    given = {one.variable: one for one, row in zip(fitted, rows, strict=True) if row.kind == "causal"}
    causal = {variable: given.get(variable, alone) for variable, alone in marginal.items()}
    return Mechanisms(causal, marginal, matrix.end, supported, joint, accepted_after(baseline.span))


def _median_of_known(values: NDArray[np.float32]) -> float:
    known = values[np.isfinite(values)]
    return median(known) if known.size else np.nan


def _since_known(matrix: Matrix, roles: Roles) -> Matrix:
    """Without the time before the first sample: nothing can be told from it. Events are 0 at all times."""
    measured = [roles.signals[variable.signal].kind != "event" for variable in matrix.variables]
    known = np.flatnonzero(np.isfinite(matrix.values[np.array(measured, dtype=np.bool_)]).any(axis=0))
    return matrix.between(int(matrix.times[known[0]]), matrix.end) if known.size and known[0] else matrix


def _calibrated(
    rows: Sequence[Row],
    baseline: Baseline,
    promise: float,
    persistence: Persistence,
    thresholds: Mapping[str, float],
) -> tuple[list[Mechanism], dict[Entity, Joint], float]:
    if not rows:
        return [], {}, inf
    gaps, levels = follow(np.stack([row.gaps for row in rows]), baseline.times, accepted_after(baseline.span))
    narrower = np.array([row.below for row in rows], dtype=np.float32)[:, None]
    scores = np.where(gaps >= 0, gaps, -gaps * narrower)
    noise = 1.4826 * np.array([_median_of_known(np.abs(row)) for row in gaps])
    profile = recurring(scores, baseline, persistence)
    scores /= np.float32(1) * spread_over(profile, baseline.times)
    groups: dict[tuple[str, str], list[int]] = {}
    members: dict[Entity, list[int]] = {}
    explained = {row.mechanism.variable for row in rows if row.kind == "causal"}
    for number, row in enumerate(rows):
        variable = row.mechanism.variable
        groups.setdefault((variable.signal, row.kind), []).append(number)
        if row.alarms and (row.kind == "causal") == (variable in explained):
            members.setdefault(variable.entity, []).append(number)
    found = calibrate(
        scores,
        {name: np.array(numbers) for name, numbers in groups.items()},
        np.array([row.alarms for row in rows]),
        [np.array(numbers) for numbers in members.values()],
        baseline,
        promise,
        persistence,
        noise,
    )
    fitted = []
    for number, row in enumerate(rows):
        one = row.mechanism
        least, asked = row.smallest, thresholds.get(one.variable.signal, 1.0)
        factor = float(found.factors[number])
        below, above = (asked * max(factor * width, least) for width in (one.below, one.above))
        own = None if profile is None or (profile[number] == 1.0).all() else profile[number]
        drift = float(levels[number]) * one.above
        strong = float(found.strong[number])
        fitted.append(
            replace(one, below=below, above=above, drift=drift, reference=one.above, strong=strong, recurring=own)
        )
    joint = {
        entity: Joint(tuple(rows[number].mechanism.variable for number in numbers), level)
        for (entity, numbers), level in zip(members.items(), found.joint, strict=True)
        if np.isfinite(level)
    }
    return fitted, joint, found.supported
