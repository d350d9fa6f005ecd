"""One question of effect, from the matrix and the graph to the answer."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from datasource.effects.association import association
from datasource.effects.estimators.distributed_lag import METHOD, LagEstimate, build_design, estimate_effect, lagged
from datasource.effects.identify import NO_PATH, Identification, identify
from datasource.effects.questions import EffectQuestion
from datasource.effects.result import NO_ESTIMATE, EffectResult, EffectSeries, Estimate
from datasource.effects.windows import CommonWindow, WindowError, bring_to_common_window, window_steps
from datasource.graph import CausalGraph, Moment, longest_lag
from datasource.settings import Signal
from datasource.telemetry import Floats, Matrix, Variable, environment_of

ROLLING_WINDOWS = 48
_LONGEST_GRAPH_LAG = 12


def analyse_effect(
    question: EffectQuestion,
    matrix: Matrix,
    graph: CausalGraph,
    signals: Mapping[str, Signal],
    environment_labels: Sequence[str] = (),
) -> EffectResult:
    """Association and effect of the question's treatment on its outcome, over the matrix and rolling windows of it.

    Pure. What cannot be answered is NaN with a notice in words, never an exception. The treatment's lags cover the
    signals' window and the longest way through the graph: ceil(window / step) - 1 + that way's lags.
    """
    treatment, outcome, _ = question
    missing = [variable for variable in (treatment, outcome) if variable not in matrix]
    if missing:
        return _answer(question, matrix, environment_labels, notices=[f"{v} is not measured" for v in missing])
    try:
        return _analyse(question, matrix, graph, signals, environment_labels)
    except WindowError as error:
        rows = {variable: _finite(matrix.row(variable)) for variable in (treatment, outcome)}
        return _answer(question, matrix, environment_labels, rows, notices=[str(error)])


def _analyse(
    question: EffectQuestion,
    matrix: Matrix,
    graph: CausalGraph,
    signals: Mapping[str, Signal],
    environment_labels: Sequence[str],
) -> EffectResult:
    treatment, outcome, _ = question
    notices: list[str] = []
    window = bring_to_common_window(matrix, (treatment, outcome), signals)
    for _ in range(3):
        lags, cut = _lags(graph, treatment, outcome, window.steps)
        found = identify(graph, treatment, outcome, lags, window.steps)
        adjustment, left_out = _measured(found, matrix, (treatment, outcome))
        absent = [moment for moment in adjustment if moment.variable not in matrix]
        if found.adjustment_set is None or found.method == NO_PATH or absent:
            said = [*notices, *window.notices, found.reason] if found.reason else [*notices, *window.notices]
            said += [f"{name} must be adjusted for and is not measured" for name in _names(absent)]
            zero = found.method == NO_PATH
            return _answer(
                question, matrix, environment_labels, window.rows, found.method, lags=lags, notices=said, zero=zero
            )
        before, window = window.steps, _windows(matrix, question, adjustment, found, signals)
        adjustment = tuple(moment for moment in adjustment if moment.variable in window.rows)
        if window.steps == before:
            break
    feedback = outcome in graph.ancestors((treatment, *(moment.variable for moment in adjustment)))
    design = build_design(window.rows, treatment, outcome, lags, adjustment, feedback)
    whole = estimate_effect(design, window.steps)
    if cut:
        notices.append(f"effects that take longer than {lags} steps are not counted")
    if feedback and window.steps > 1:
        notices.append(
            f"{outcome} acts back on {treatment}, and windows of {window.steps} steps blur what came first: "
            "the effect may be off; make the windows as long as the step"
        )
    if left_out:
        notices.append(f"not adjusted for, too often missing: {', '.join(left_out)}")
    return _answer(
        question,
        matrix,
        environment_labels,
        window.rows,
        METHOD,
        tuple(map(str, adjustment)),
        lags,
        whole,
        lambda first, last: estimate_effect(design.between(first, last), window.steps).effect,
        [*notices, *window.notices, *whole.notices],
    )


def _lags(graph: CausalGraph, treatment: Variable, outcome: Variable, window: int) -> tuple[int, bool]:
    """How many lags the treatment gets, and whether later effects are cut off.

    Ways that come back to the treatment are not counted: there it is a treatment again.
    """
    onward = CausalGraph(graph.variables, tuple(edge for edge in graph.edges if edge.effect != treatment))
    longest = longest_lag(onward, treatment, outcome, _LONGEST_GRAPH_LAG) or 0
    return window - 1 + longest, longest == _LONGEST_GRAPH_LAG


def _measured(
    found: Identification, matrix: Matrix, ends: tuple[Variable, Variable]
) -> tuple[tuple[Moment, ...], list[str]]:
    """The adjustment set without what only serves precision and is missing at over 10% of the points."""
    wanted = np.isfinite(matrix.row(ends[0])) & np.isfinite(matrix.row(ends[1]))
    kept, left_out = [], []
    for moment in found.adjustment_set or ():
        there = moment.variable in matrix and np.isfinite(lagged(matrix.row(moment.variable), moment.lag))[wanted]
        if moment in found.required or np.mean(there) >= 0.9:
            kept.append(moment)
        else:
            left_out.append(moment)
    return tuple(kept), _names(left_out)


def _windows(
    matrix: Matrix,
    question: EffectQuestion,
    adjustment: Sequence[Moment],
    found: Identification,
    signals: Mapping[str, Signal],
) -> CommonWindow:
    """All rows over one window; what only serves precision gives way where its window does not fit."""
    ends = (question.treatment, question.outcome)
    required = tuple(dict.fromkeys((*ends, *(moment.variable for moment in found.required))))
    longest = max(window_steps(signals[variable.signal], matrix.step) for variable in required)
    extras = [moment.variable for moment in adjustment if moment not in found.required]
    fitting = [v for v in extras if window_steps(signals[v.signal], matrix.step) <= longest]
    try:
        return bring_to_common_window(matrix, tuple(dict.fromkeys((*required, *fitting))), signals)
    except WindowError:
        return bring_to_common_window(matrix, required, signals)


def _answer(
    question: EffectQuestion,
    matrix: Matrix,
    environment_labels: Sequence[str],
    rows: Mapping[Variable, Floats] | None = None,
    method: str = "none",
    adjustment_set: tuple[str, ...] = (),
    lags: int = 0,
    whole: LagEstimate | None = None,
    rolling: Callable[[int, int], Estimate] | None = None,
    notices: Sequence[str] = (),
    zero: bool = False,
) -> EffectResult:
    points = len(matrix.times)
    known = Estimate(0.0, 0.0, 0.0) if zero else NO_ESTIMATE
    whole = whole or LagEstimate(known, (known,) * (lags + 1), 0, ())
    empty = np.full(points, np.nan)
    x, y = (rows[v] if rows else empty for v in (question.treatment, question.outcome))
    length = min(question.window, points)
    ends = np.unique(np.linspace(length, points, ROLLING_WINDOWS).round().astype(int)) if points else np.empty(0, int)
    slopes = [association(y[end - length : end], x[end - length : end]) for end in ends]
    effects = [rolling(end - length, end) if rolling else known for end in ends]
    return EffectResult(
        question.treatment,
        question.outcome,
        environment_of(question.outcome.entity, tuple(environment_labels)),
        association(y, x),
        whole.effect,
        whole.per_lag,
        method,
        adjustment_set,
        lags,
        whole.n,
        EffectSeries(matrix.times[ends - 1], *_columns(slopes), *_columns(effects)),
        tuple(dict.fromkeys(notices)),
    )


def _columns(estimates: Sequence[Estimate]) -> tuple[Floats, Floats, Floats]:
    table = np.array([(e.value, e.lower, e.upper) for e in estimates], dtype=np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _names(moments: Sequence[Moment]) -> list[str]:
    return sorted({str(moment.variable) for moment in moments})


def _finite(row: Floats) -> Floats:
    return np.where(np.isfinite(row), row, np.nan)
