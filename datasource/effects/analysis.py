"""One question of effect, from the matrix and the graph to the answer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from datasource.data import Floats, Matrix, environment_of
from datasource.effects.answering import answer_study
from datasource.effects.association import association, association_of
from datasource.effects.checks import window_check
from datasource.effects.compose import adjusted_for, compose
from datasource.effects.estimators.by_group import parts
from datasource.effects.estimators.distributed_lag import build_design, rolling_effects
from datasource.effects.estimators.double_machine_learning import rolling_double_machine_learning
from datasource.effects.gather import Gathered, gather
from datasource.effects.methods import DML, ESTIMATORS, RIDGE_DML, Method
from datasource.effects.result import NO_ESTIMATE, Check, EffectResult, Estimate, Stratified
from datasource.effects.rolling import Rolling, rolling_series
from datasource.effects.simpson import stratify
from datasource.effects.study import Study, StudyError
from datasource.effects.windows import WindowError
from datasource.graph import CausalGraph
from datasource.graph.evidence import doubts
from datasource.identification.identify import NO_PATH, NOT_IDENTIFIED
from datasource.identification.questions import EffectQuestion
from datasource.settings import Signal

_BY = {"instrument": "iv.instrumental_variable", "front-door": "frontdoor.two_stage_regression"}
_DEFAULT = "backdoor.distributed_lag"
_DOUBTS = 3
"""So many edges that are refuted or doubtful are named beside an effect."""
_ROLLING = (_DEFAULT, "backdoor.linear_regression", DML, RIDGE_DML)
"""Methods that are cheap enough for every rolling window."""


def analyse_effect(
    question: EffectQuestion,
    matrix: Matrix,
    graph: CausalGraph,
    signals: Mapping[str, Signal],
    environment_labels: Sequence[str] = (),
    *,
    checked: bool = True,
) -> EffectResult:
    """Association and effect of the question's treatment on its outcome, over the matrix and rolling windows of it.

    Pure. With `checked`, the checks that make sense stand beside the estimate. What cannot be answered is NaN with a
    notice in words, never an exception. Of a pooled question, entities whose effect is not identified are left out.
    """
    gathered: list[Gathered] = []
    refused: list[Gathered] = []
    notices: list[str] = []
    checks: list[Check] = []
    for treatment, outcome in question.pairs:
        missing = [str(variable) for variable in (treatment, outcome) if variable not in matrix]
        notices += [f"{name} is not measured" for name in missing]
        if missing:
            continue
        try:
            one = gather(treatment, outcome, matrix, graph, signals, _way(question))
        except WindowError as error:
            notices.append(str(error))
            checks.append(window_check(str(error)))
            continue
        obstacle = _obstacle(one, question) or _unlike(one, gathered)
        notices += [*one.notices, *obstacle]
        (refused if obstacle else gathered).append(one)
    result = _blank(question, matrix, environment_labels, gathered or refused)
    rolling = None
    if gathered:
        result, rolling = _estimated(result, question, gathered, matrix, checked)
    ends = _ends(question, matrix, gathered or refused)
    said = [text for one in (*gathered, *refused) for text in doubts(graph, one.treatment, one.outcome)]
    notices += [*said[:_DOUBTS], *([f"{len(said) - _DOUBTS} more edges are in doubt"] if len(said) > _DOUBTS else [])]
    constant = result.effect if result.method == NO_PATH else NO_ESTIMATE
    return replace(
        result,
        series=rolling_series(matrix, question.window, ends, rolling, constant),
        notices=tuple(dict.fromkeys([*notices, *result.notices])),
        checks=(*checks, *result.checks),
    )


def _obstacle(one: Gathered, question: EffectQuestion) -> list[str]:
    """Why this pair has no estimate; empty where it has one."""
    said = [f"{name} must be adjusted for and is not measured" for name in one.missing]
    unidentified = one.found.identified_by == NOT_IDENTIFIED and not question.instruments
    if unidentified or one.found.identified_by == NO_PATH:
        said += [one.found.reason, *one.found.measure]
    return said


def _unlike(one: Gathered, others: Sequence[Gathered]) -> list[str]:
    """Entities are pooled where their effects are identified alike."""
    if not others or one.found.identified_by == others[0].found.identified_by:
        return []
    ways = f"{one.found.identified_by}, not by {others[0].found.identified_by} as that of {others[0].outcome.entity}"
    return [f"left out: the effect at {one.outcome.entity} is identified by {ways}"]


def _blank(
    question: EffectQuestion, matrix: Matrix, environment_labels: Sequence[str], gathered: Sequence[Gathered]
) -> EffectResult:
    """The answer before anything is estimated; 0 where the graph says that there is no effect."""
    found = gathered[0].found if gathered else None
    how = found.identified_by if found else "none"
    known = Estimate(0.0, 0.0, 0.0) if how == NO_PATH else NO_ESTIMATE
    lags = max((one.lags for one in gathered), default=0)
    treatment, outcome = _ends(question, matrix, gathered)
    return EffectResult(
        treatment=question.treatment,
        outcome=question.outcome,
        environment=environment_of(question.outcome.entity, tuple(environment_labels)),
        association=association(outcome, treatment),
        effect=known,
        per_lag=(known,) * (lags + 1),
        method=how,
        adjustment_set=(),
        lags=lags,
        n=0,
        identified_by=how if found else "",
        assumptions=found.assumptions if found else (),
    )


def _ends(question: EffectQuestion, matrix: Matrix, gathered: Sequence[Gathered]) -> tuple[Floats, Floats]:
    """Treatment and outcome by time, over their common window; of several entities the means."""
    pairs = [(one.window.rows[one.treatment], one.window.rows[one.outcome]) for one in gathered]
    if not pairs:
        pairs = [(matrix.row(x), matrix.row(y)) for x, y in question.pairs if x in matrix and y in matrix]
    if not pairs:
        empty = np.full(len(matrix.times), np.nan)
        return empty, empty
    treatment, outcome = (np.mean(np.array(rows), axis=0) for rows in zip(*pairs, strict=True))
    return _finite(treatment), _finite(outcome)


def _estimated(
    result: EffectResult, question: EffectQuestion, gathered: Sequence[Gathered], matrix: Matrix, checked: bool
) -> tuple[EffectResult, Rolling | None]:
    """The answer with its estimate, and the estimator for rolling windows where it is cheap enough."""
    method = ESTIMATORS[question.method or _usual(question, gathered[0])]
    result = replace(result, method=method.name, identified_by=method.identified_by)
    result = replace(result, assumptions=_assumptions(question, gathered, method))
    try:
        study = raw = compose(question, gathered, matrix)
        if method.identified_by != "randomisation":
            result = replace(result, adjustment_set=adjusted_for(gathered))
        if len(gathered) > 1:
            raw = compose(question, gathered, matrix, adjusted=False)
            result = replace(result, association=association_of(raw))
        if question.strata:
            result = replace(result, stratified=_stratified(question, gathered, matrix))
        answer = answer_study(result, study, raw, checked=checked, unit=question.outcome.entity.type)
    except StudyError as error:
        return replace(result, notices=(str(error),), effect=NO_ESTIMATE), None
    rolling = _rolling(method, study, gathered) if method.name in _ROLLING else None
    return replace(answer, notices=(*answer.notices, *_left_out(study, gathered))), rolling


def _assumptions(question: EffectQuestion, gathered: Sequence[Gathered], method: Method) -> tuple[str, ...]:
    """What graph and method take for granted, the method alone where it does not go the graph's way.

    Of several entities, without the name of the first one.
    """
    found = gathered[0].found
    by_graph = found.identified_by == method.identified_by and not question.instruments
    said = [*found.assumptions, *method.form] if by_graph else list(method.assumptions)
    if len(gathered) > 1:
        own = re.compile(rf"(?<![\w./-]){re.escape(str(gathered[0].outcome.entity))}\.")
        said = [own.sub("", one) for one in said]
    return tuple(dict.fromkeys(said))


def _left_out(study: Study, gathered: Sequence[Gathered]) -> list[str]:
    """What lies before the first whole row is only young; what is missing later is said."""
    assert study.times is not None
    span = len(gathered[0].joint) - int(study.times.min())
    share = 1 - study.n / (span * len(gathered))
    if share <= 0.1:
        return []
    return [f"{share:.0%} of the points are left out: something that the effect needs is missing there"]


def _way(question: EffectQuestion) -> str:
    """How the question wants its effect identified; empty where that is left open."""
    if question.instruments:
        return ""
    return ESTIMATORS[question.method].identified_by if question.method else ""


def _usual(question: EffectQuestion, one: Gathered) -> str:
    return _BY["instrument"] if question.instruments else _BY.get(one.found.identified_by, _DEFAULT)


def _stratified(question: EffectQuestion, gathered: Sequence[Gathered], matrix: Matrix) -> Stratified:
    assert question.strata is not None
    asked = question._replace(modifiers=(question.strata,), instruments=())
    study = compose(asked, gathered, matrix, adjusted=False)
    strata = [part for part in parts(study) if part.modifier == question.strata]
    codes = np.argmax([part.rows for part in strata], axis=0)
    return stratify(study, codes, [part.level for part in strata], question.strata)


def _rolling(method: Method, study: Study, gathered: Sequence[Gathered]) -> Rolling:
    """The estimates of many windows; of one pair by the default method all at once."""
    one, times = gathered[0], study.times
    assert times is not None
    if method.name == _DEFAULT and len(gathered) == 1:
        rows = one.window.rows
        design = build_design(rows, one.treatment, one.outcome, one.lags, one.adjustment, one.feedback)
        return lambda windows: rolling_effects(design, windows, one.window.steps)

    if method.name == RIDGE_DML and len(gathered) == 1:
        return lambda windows: rolling_double_machine_learning(study.collapsed(), windows)

    def within(first: int, last: int) -> Estimate:
        try:
            return method.estimate(study.take((times >= first) & (times < last))).effect
        except StudyError:
            return NO_ESTIMATE

    return lambda windows: [within(first, last) for first, last in windows]


def _finite(row: Floats) -> Floats:
    return np.where(np.isfinite(row), row, np.nan)
