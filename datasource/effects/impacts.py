"""What an intervention changed: one treated entity against the others, before and after."""

from collections.abc import Mapping, Sequence

import numpy as np

from datasource.effects.association import association
from datasource.effects.checks import run_checks
from datasource.effects.methods import ESTIMATORS
from datasource.effects.result import NO_ESTIMATE, Answer, Check, EffectResult
from datasource.effects.rolling import no_series
from datasource.effects.study import Study, StudyError, lay_out
from datasource.effects.windows import window_steps
from datasource.settings import Impact, Signal
from datasource.telemetry import Entity, Floats, Matrix, Variable, environment_of
from datasource.telemetry.csv_times import parse_time

INTERVENTION = "intervention"
MOST_POINTS = 1440
"""So many points of the matrix at most are looked at; what lies far back says little about now."""


def analyse_impact(
    impact: Impact, matrix: Matrix, signals: Mapping[str, Signal], environment_labels: Sequence[str] = ()
) -> EffectResult:
    """The average effect of the intervention on the outcome since it began; the course of both is in `comparison`.

    Pure. What cannot be answered is NaN with a notice in words, never an exception.
    """
    entities = {v.entity for v in matrix.variables if v.signal == impact.outcome}
    treated = next((e for e in sorted(entities) if impact.treated in (str(e), e.name)), None)
    outcome = Variable(treated or Entity("", ()), impact.outcome)
    method = ESTIMATORS[impact.method]
    answer: Answer | None = None
    checks: tuple[Check, ...] = ()
    notices: list[str] = []
    points = matrix.between(matrix.end - (MOST_POINTS - 1) * matrix.step, matrix.end)
    began = matrix.end
    try:
        if treated is None:
            raise StudyError(f"'{impact.treated}' has no {impact.outcome} among the measured entities")
        began = _began(impact, treated, matrix)
        if began <= points.start and points.start > matrix.start:
            raise StudyError(f"it began before the newest {MOST_POINTS:,} points, which are compared; name a later one")
        study = _study(impact, treated, points, began, signals)
        answer = method.estimate(study)
        checks = run_checks(study, method, answer)
        notices = list(answer.notices)
    except StudyError as error:
        notices.append(str(error))
    effect = answer.effect if answer else NO_ESTIMATE
    row = points.row(outcome) if outcome in points else np.full(len(points.times), np.nan)
    switched = (points.times >= began).astype(float)
    return EffectResult(
        treatment=Variable(outcome.entity, INTERVENTION),
        outcome=outcome,
        environment=environment_of(outcome.entity, tuple(environment_labels)),
        association=association(np.where(np.isfinite(row), row, np.nan), switched),
        effect=effect,
        per_lag=(effect,),
        method=method.name,
        adjustment_set=(),
        lags=0,
        n=answer.n if answer else 0,
        series=no_series(),
        notices=tuple(notices),
        identified_by=method.identified_by,
        assumptions=method.assumptions,
        checks=checks,
        comparison=answer.comparison if answer else None,
    )


def _began(impact: Impact, treated: Entity, matrix: Matrix) -> int:
    """Seconds since 1970 when the intervention began. Raises StudyError."""
    event = Variable(treated, impact.at)
    if event in matrix:
        happened = np.nan_to_num(matrix.row(event)) > 0
        starts = np.flatnonzero(happened & ~np.concatenate([[False], happened[:-1]]))
        if not starts.size:
            raise StudyError(f"no {impact.at} at {treated} in the baseline: there is nothing to compare yet")
        return int(matrix.times[starts[-1]])
    try:
        began = int(parse_time(impact.at))
    except ValueError:
        raise StudyError(
            f"'{impact.at}' is neither a time nor a signal of {treated}; write it as 2026-11-21T10:00:00Z"
        ) from None
    if not matrix.start < began <= matrix.end:
        raise StudyError(f"{impact.at} lies outside the baseline; nothing before and after it can be compared")
    return began


def _study(impact: Impact, treated: Entity, matrix: Matrix, began: int, signals: Mapping[str, Signal]) -> Study:
    others = sorted({v.entity for v in matrix.variables if v.signal == impact.outcome} - {treated})
    if impact.controls:
        unknown = [name for name in impact.controls if not any(name in (str(e), e.name) for e in others)]
        if unknown:
            raise StudyError(f"control '{unknown[0]}' has no {impact.outcome} among the measured entities")
        others = [e for e in others if str(e) in impact.controls or e.name in impact.controls]
    units = [treated, *others]
    rows: list[Floats] = [matrix.row(Variable(entity, impact.outcome)) for entity in units]
    points = len(matrix.times)
    times = np.tile(matrix.times // matrix.step, len(units))
    post = np.tile(matrix.times >= began, len(units))
    unit = np.repeat(np.arange(len(units)), points)
    return lay_out(
        np.concatenate(rows),
        (post & (unit == 0)).astype(np.float64),
        {},
        names=(INTERVENTION, f"{treated}.{impact.outcome}"),
        times=times,
        units=unit,
        unit_names=[str(entity) for entity in units],
        window=window_steps(signals[impact.outcome], matrix.step),
    )
