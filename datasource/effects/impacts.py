"""What an intervention changed: one treated entity, before, while it lasts and after, against what would have been."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from datasource.data import Entity, Floats, Matrix, Variable, environment_of
from datasource.data.csv.times import parse_time
from datasource.effects.association import association
from datasource.effects.checks import run_checks
from datasource.effects.foretold import foretell
from datasource.effects.methods import ESTIMATORS, Method
from datasource.effects.result import NO_ESTIMATE, Answer, Check, Comparison, EffectResult, Estimate
from datasource.effects.study import Study, StudyError, lay_out
from datasource.effects.windows import window_steps
from datasource.graph import CausalGraph
from datasource.settings import CAUSES, Impact, Signal

INTERVENTION, SINGLE = "intervention", "interrupted_time_series"
_POINTS, _NUMBERS = 1440, 400_000
"""So many of the newest points are looked at, or more while entities times points are not more than so many numbers:
20 entities over a week of half minutes take some 5 s."""
_MISSING = 0.1
"""A cause that misses a larger share of the outcome's points is left out, rather than the points."""


class _Window(NamedTuple):
    """When it began, the first time after its end, and what is to be said of the end; in seconds since 1970.

    Without an end `ended` lies one step after the newest point.
    """

    began: int
    ended: int
    notices: tuple[str, ...] = ()


class _Causes(NamedTuple):
    """The outcome's own causes as columns (times) by name, and what is to be said of them."""

    columns: Mapping[str, Floats]
    notices: tuple[str, ...] = ()


def analyse_impact(
    impact: Impact,
    matrix: Matrix,
    signals: Mapping[str, Signal],
    environment_labels: Sequence[str] = (),
    graph: CausalGraph | None = None,
) -> EffectResult:
    """The average effect of the intervention on the outcome while it lasts; the course of both is in `comparison`.

    Where it has an end, the points after it are compared in the same way, with the same time before the start: the
    comparison's `afterwards`. `graph` has the outcome's causes, for `controls: causes`. Pure. What cannot be answered
    is NaN with a notice in words, never an exception.
    """
    entities = {v.entity for v in matrix.variables if v.signal == impact.outcome}
    treated = next((e for e in sorted(entities) if impact.treated in (str(e), e.name)), None)
    outcome = Variable(treated or Entity("", ()), impact.outcome)
    method = ESTIMATORS[impact.method]
    answer: Answer | None = None
    checks: tuple[Check, ...] = ()
    notices: tuple[str, ...] = ()
    window, causes = _Window(matrix.end, matrix.end + matrix.step), _Causes({})
    try:
        if treated is None:
            raise StudyError(f"'{impact.treated}' has no {impact.outcome} among the measured entities")
        window = _window(impact, treated, matrix)
        points = _newest(matrix, window.began, len(_compared(impact, treated, matrix)))
        begun = _begun(treated, points, window.began, signals)
        if CAUSES in impact.controls:
            causes = _causes(impact, outcome, points, graph, begun)
        study = _study(impact, treated, points, window.began, signals, causes)
        during, after = _parts(study, window, matrix.step)
        answer = method.estimate(during)
        checks = run_checks(during, method, answer)
        notices = (*causes.notices, *answer.notices, *window.notices)
        if after is not None and answer.comparison is not None:
            answer, told = _with_after(answer, after, method)
            notices += told
        if graph is not None and answer.comparison is not None:
            answer, foretold = _with_prediction(answer, impact, outcome, begun, graph, points, signals, window)
            notices = (*causes.notices, foretold, *notices[len(causes.notices) :])
    except StudyError as error:
        notices += (str(error),)
    effect = answer.effect if answer else NO_ESTIMATE
    row = matrix.row(outcome) if outcome in matrix else np.full(len(matrix.times), np.nan)
    switched = ((matrix.times >= window.began) & (matrix.times < window.ended)).astype(float)
    return EffectResult(
        treatment=Variable(outcome.entity, INTERVENTION),
        outcome=outcome,
        environment=environment_of(outcome.entity, tuple(environment_labels)),
        association=association(np.where(np.isfinite(row), row, np.nan), switched),
        effect=effect,
        per_lag=(effect,),
        method=method.name,
        adjustment_set=tuple(causes.columns),
        lags=0,
        n=answer.n if answer else 0,
        notices=notices,
        identified_by=method.identified_by,
        assumptions=method.assumptions,
        checks=checks,
        groups=answer.groups if answer else (),
        comparison=answer.comparison if answer else None,
    )


def _window(impact: Impact, treated: Entity, matrix: Matrix) -> _Window:
    """From when to when. Raises StudyError."""
    began = _began(impact, treated, matrix)
    newest = matrix.end + matrix.step
    if impact.until is None:
        return _Window(began, newest, _is_over(impact, treated, matrix, began))
    event = Variable(treated, impact.until)
    if event in matrix:
        going_on = np.nan_to_num(matrix.row(event)) > 0
        over = (going_on != going_on[np.argmax(matrix.times >= began)]) & (matrix.times > began)
        ended = int(matrix.times[np.argmax(over)]) if over.any() else newest
    else:
        ended = _time(impact.until, treated)
    if ended <= began:
        raise StudyError(f"until {impact.until} is not after the start at {impact.at}; exchange them")
    if not ((matrix.times >= began) & (matrix.times < ended)).any():
        raise StudyError(f"no point lies between {impact.at} and {impact.until}; end it later")
    if ended > matrix.end:
        return _Window(began, newest, (f"until {impact.until}: it still goes on at the newest point",))
    return _Window(began, ended)


def _is_over(impact: Impact, treated: Entity, matrix: Matrix, began: int) -> tuple[str, ...]:
    """That an event whose end nobody asks for is over."""
    event = Variable(treated, impact.at)
    if event not in matrix:
        return ()
    over = matrix.times[(np.nan_to_num(matrix.row(event)) <= 0) & (matrix.times > began)]
    if not over.size:
        return ()
    when = np.datetime64(int(over[0]), "s")
    return (f"{impact.at} is over since {when} UTC: until: {impact.at} (--end) asks what it changed while it lasted",)


def _began(impact: Impact, treated: Entity, matrix: Matrix) -> int:
    """Seconds since 1970 when the intervention began. Raises StudyError."""
    event = Variable(treated, impact.at)
    if event in matrix:
        happened = np.nan_to_num(matrix.row(event)) > 0
        starts = np.flatnonzero(happened & ~np.concatenate([[False], happened[:-1]]))
        if not starts.size:
            raise StudyError(f"no {impact.at} at {treated} in the baseline: there is nothing to compare yet")
        if not starts[-1]:
            raise StudyError(f"{impact.at} at {treated} is there from the first point on: nothing was before it")
        return int(matrix.times[starts[-1]])
    began = _time(impact.at, treated)
    if not matrix.start < began <= matrix.end:
        raise StudyError(f"{impact.at} lies outside the baseline; nothing before and after it can be compared")
    return began


def _newest(matrix: Matrix, began: int, entities: int) -> Matrix:
    """As many of the newest points as are looked at of so many entities. Raises StudyError."""
    most = max(_POINTS, _NUMBERS // entities)
    points = matrix.between(matrix.end - (most - 1) * matrix.step, matrix.end)
    if began <= points.start and points.start > matrix.start:
        raise StudyError(f"it began before the newest {most:,} points, which are compared; name a later one")
    return points


def _time(text: str, treated: Entity) -> int:
    try:
        return int(parse_time(text))
    except ValueError:
        raise StudyError(
            f"'{text}' is neither a time nor a signal of {treated}; write it as 2026-11-21T10:00:00Z"
        ) from None


def _begun(treated: Entity, matrix: Matrix, began: int, signals: Mapping[str, Signal]) -> set[Variable]:
    """What is on or off at an entity and goes on when the intervention begins: it is that, under another name."""
    own = [v for v in matrix.variables if v.entity == treated and v.signal in signals]
    first = int(np.argmax(matrix.times >= began))
    return {
        event
        for event in own
        if first > 0
        and (signals[event.signal].kind == "event" or _on_or_off(matrix.row(event)))
        and matrix.row(event)[first] > 0
        and not matrix.row(event)[first - 1] > 0
    }


def _on_or_off(row: Floats) -> bool:
    return len(np.unique(row[np.isfinite(row)])) == 2


def _causes(
    impact: Impact, outcome: Variable, matrix: Matrix, graph: CausalGraph | None, begun: set[Variable]
) -> _Causes:
    """The outcome's causes in the graph that the intervention does not move. Raises StudyError where there is none.

    What the graph says that the event or the outcome moves is no control: it would take a part of the effect away.
    """
    edges = graph.parents(outcome) if graph is not None else ()
    moved_by = {outcome, *begun, *(Variable(outcome.entity, name) for name in (impact.at, impact.until) if name)}
    columns: dict[str, Floats] = {}
    moved: dict[str, None] = {}
    absent: dict[str, None] = {}
    there = np.isfinite(matrix.row(outcome))
    for edge in edges:
        assert graph is not None
        if edge.cause in moved_by or not moved_by.isdisjoint(graph.ancestors([edge.cause])):
            moved[str(edge.cause)] = None
            continue
        row = matrix.row(edge.cause) if edge.cause in matrix else np.full(len(there), np.nan)
        earlier = np.append(np.full(min(edge.lag, len(row)), np.nan), row[: max(len(row) - edge.lag, 0)])
        if np.isnan(earlier[there]).sum() > _MISSING * there.sum():
            absent[str(edge.cause)] = None
            continue
        columns[f"{edge.cause}@-{edge.lag}" if edge.lag else str(edge.cause)] = earlier
    notices = []
    if moved:
        notices.append(f"no controls, the intervention or the outcome moves them: {', '.join(moved)}")
    if absent:
        notices.append(f"no controls, not measured or too often missing: {', '.join(absent)}")
    if not columns:
        said = f" ({'; '.join(notices)})" if notices else ""
        raise StudyError(f"the graph has no cause of {outcome} to control for{said}; name entities as controls")
    return _Causes(columns, tuple(notices))


def _compared(impact: Impact, treated: Entity, matrix: Matrix) -> list[Entity]:
    """The treated entity, and those that it is compared with. Raises StudyError."""
    if impact.method == SINGLE:
        return [treated]
    others = sorted({v.entity for v in matrix.variables if v.signal == impact.outcome} - {treated})
    if impact.controls:
        named = [name for name in impact.controls if name != CAUSES]
        unknown = [name for name in named if not any(name in (str(e), e.name) for e in others)]
        if unknown:
            raise StudyError(f"control '{unknown[0]}' has no {impact.outcome} among the measured entities")
        others = [e for e in others if str(e) in named or e.name in named]
    return [treated, *others]


def _study(
    impact: Impact, treated: Entity, matrix: Matrix, began: int, signals: Mapping[str, Signal], causes: _Causes
) -> Study:
    units = _compared(impact, treated, matrix)
    rows: list[Floats] = [matrix.row(Variable(entity, impact.outcome)) for entity in units]
    points = len(matrix.times)
    times = np.tile(matrix.times // matrix.step, len(units))
    post = np.tile(matrix.times >= began, len(units))
    unit = np.repeat(np.arange(len(units)), points)
    return lay_out(
        np.concatenate(rows),
        (post & (unit == 0)).astype(np.float64),
        {name: np.append(column, np.zeros(points * (len(units) - 1))) for name, column in causes.columns.items()},
        names=(INTERVENTION, f"{treated}.{impact.outcome}"),
        times=times,
        units=unit,
        unit_names=[str(entity) for entity in units],
        window=window_steps(signals[impact.outcome], matrix.step),
    )


def _parts(study: Study, window: _Window, step: int) -> tuple[Study, Study | None]:
    """The study up to the end, and the one of before the start and after the end; None where nothing is after it."""
    assert study.times is not None
    began, ended = -(-window.began // step), -(-window.ended // step)
    late = study.times >= ended
    if not late.any():
        return study, None
    return study.take(~late), study.take((study.times < began) | late)


def _with_after(answer: Answer, study: Study, method: Method) -> tuple[Answer, tuple[str, ...]]:
    """The answer with what was observed after the end in its comparison, and a sentence on it."""
    assert answer.comparison is not None
    try:
        after = method.estimate(study)
    except StudyError as error:
        return answer, (f"what was after the end cannot be compared: {error}",)
    if after.comparison is None:
        return answer, ()
    joined = _joined(answer.comparison, after.comparison)
    return replace(answer, comparison=joined), (_told(answer.effect, after.effect),)


def _with_prediction(
    answer: Answer,
    impact: Impact,
    outcome: Variable,
    begun: set[Variable],
    graph: CausalGraph,
    matrix: Matrix,
    signals: Mapping[str, Signal],
    window: _Window,
) -> tuple[Answer, str]:
    """The answer with what the graph's equations predict in its comparison, and a sentence on both."""
    assert answer.comparison is not None
    moved = [Variable(outcome.entity, impact.at), *sorted(begun)]
    try:
        variable, value, change = foretell(outcome, moved, graph, matrix, signals, window.began, window.ended)
    except StudyError as error:
        return answer, f"the graph predicts nothing for it: {error}"
    apart = change.upper < answer.effect.lower or answer.effect.upper < change.lower
    told = "what was observed is another effect" if apart else "what was observed agrees"
    text = (
        f"the graph's equations of before the start predict a change of {change.value:.3g}, 95% interval "
        f"{change.lower:.3g} to {change.upper:.3g}, for {variable} at {value:.3g}: {told}"
    )
    return replace(answer, comparison=replace(answer.comparison, predicted=change)), text


def _joined(during: Comparison, after: Comparison) -> Comparison:
    """The comparison while it lasted, carried on by that after the end; both have the same time before the start."""
    late = after.times >= after.began
    shift = after.began - during.began
    events = [(steps + shift, one) for steps, one in after.event_study if steps >= 0]
    return replace(
        during,
        times=np.append(during.times, after.times[late]),
        treated=np.append(during.treated, after.treated[late]),
        control=np.append(during.control, after.control[late]),
        counterfactual=np.append(during.counterfactual, after.counterfactual[late]),
        lower=np.append(during.lower, after.lower[late]),
        upper=np.append(during.upper, after.upper[late]),
        ended=after.began,
        afterwards=after.average,
        event_study=(*during.event_study, *events) if during.event_study else (),
    )


def _told(during: Estimate, after: Estimate) -> str:
    """Whether the effect is gone after the end."""
    seen = f"after the end it is {after.value:.3g} on average, 95% interval {after.lower:.3g} to {after.upper:.3g}"
    if not (np.isfinite(after.lower) and np.isfinite(after.upper)):
        return f"after the end it is {after.value:.3g} on average, without an interval"
    if after.lower <= 0 <= after.upper:
        if during.value != 0 and after.lower <= during.value <= after.upper:
            return f"{seen}: too wide to say whether the effect is gone"
        return f"{seen}: the effect is gone"
    return f"{seen}: " + ("the effect lasts" if after.value * during.value > 0 else "it is on the other side of 0")
