"""What a question needs from the matrix and the graph: identification, lags, and rows over one window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from datasource.data import Floats, Matrix, Variable
from datasource.effects.estimators.distributed_lag import lagged
from datasource.effects.windows import CommonWindow, WindowError, bring_to_common_window, window_steps
from datasource.graph import CausalGraph, LaggedVariable, longest_lag
from datasource.identification.identify import identify
from datasource.identification.model import FRONT_DOOR, INSTRUMENT, NOT_IDENTIFIED, Identification
from datasource.settings import Signal

_LONGEST_GRAPH_LAG = 12


@dataclass(frozen=True)
class Gathered:
    """How the effect of `treatment` on `outcome` is identified, and the rows (by time) that its estimate needs.

    `adjustment` is the part of the identified set that is used. With `missing`, something that the identification asks
    for is not measured. `feedback`: the outcome acts back on the treatment.
    """

    treatment: Variable
    outcome: Variable
    found: Identification
    adjustment: tuple[LaggedVariable, ...]
    lags: int
    window: CommonWindow
    feedback: bool
    missing: tuple[str, ...]
    notices: tuple[str, ...]

    def row(self, moment: LaggedVariable) -> Floats:
        """The values of a variable, `lag` steps earlier."""
        return lagged(self.window.rows[moment.variable], moment.lag)

    @property
    def joint(self) -> Floats:
        """The treatment now and at each lag: (n, 1 + lags)."""
        return np.column_stack([self.row(LaggedVariable(self.treatment, lag)) for lag in range(self.lags + 1)])


def gather(
    treatment: Variable,
    outcome: Variable,
    matrix: Matrix,
    graph: CausalGraph,
    signals: Mapping[str, Signal],
    way: str = "",
) -> Gathered:
    """Identify, and bring everything to one window; `way` says by what, where the question asks for it.

    The treatment's lags cover the signals' window and the longest way through the graph: ceil(window / step) - 1 + that
    way's lags. Raises WindowError.
    """
    ends = (treatment, outcome)
    notices: list[str] = []
    window = bring_to_common_window(matrix, ends, signals)
    for _ in range(3):
        lags, cut = _lags(graph, treatment, outcome, window.steps)
        found = _identified(graph, treatment, outcome, lags, window.steps, way)
        needed = (*found.instruments, *found.mediators)
        adjustment, left_out = _measured(found, matrix, ends)
        absent = [moment for moment in (*adjustment, *needed) if moment.variable not in matrix]
        if not found.identified or absent:
            missing = tuple(_names(absent))
            return Gathered(treatment, outcome, found, (), lags, window, False, missing, window.notices)
        wanted = (*ends, *(moment.variable for moment in needed))
        before, window = window.steps, _windows(matrix, wanted, adjustment, found, signals)
        adjustment = tuple(moment for moment in adjustment if moment.variable in window.rows)
        if window.steps == before:
            break
    feedback = outcome in graph.ancestors((treatment, *(moment.variable for moment in adjustment)))
    if cut:
        notices.append(f"effects that take longer than {lags} steps are not counted")
    if feedback and window.steps > 1:
        notices.append(
            f"{outcome} acts back on {treatment}, and windows of {window.steps} steps blur what came first: "
            "the effect may be off; make the windows as long as the step"
        )
    if left_out:
        notices.append(f"not adjusted for, too often missing: {', '.join(left_out)}")
    return Gathered(treatment, outcome, found, adjustment, lags, window, feedback, (), (*notices, *window.notices))


def _identified(
    graph: CausalGraph, treatment: Variable, outcome: Variable, lags: int, window: int, way: str
) -> Identification:
    if way not in (INSTRUMENT, FRONT_DOOR):
        return identify(graph, treatment, outcome, lags, window)
    found = identify(graph, treatment, outcome, lags, window, also=True)
    reason = f"the graph knows no {way} for the effect of {treatment} on {outcome}"
    return found.by(way) or Identification(NOT_IDENTIFIED, reason=reason)


def _lags(graph: CausalGraph, treatment: Variable, outcome: Variable, window: int) -> tuple[int, bool]:
    """How many lags the treatment gets, and whether later effects are cut off.

    Ways that come back to the treatment are not counted: there it is a treatment again.
    """
    longest = longest_lag(graph, treatment, outcome, _LONGEST_GRAPH_LAG, coming_back=False) or 0
    return window - 1 + longest, longest == _LONGEST_GRAPH_LAG


def _measured(
    found: Identification, matrix: Matrix, ends: tuple[Variable, Variable]
) -> tuple[tuple[LaggedVariable, ...], list[str]]:
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
    ends: Sequence[Variable],
    adjustment: Sequence[LaggedVariable],
    found: Identification,
    signals: Mapping[str, Signal],
) -> CommonWindow:
    """All rows over one window; what only serves precision gives way where its window does not fit."""
    required = tuple(dict.fromkeys((*ends, *(moment.variable for moment in found.required))))
    longest = max(window_steps(signals[variable.signal], matrix.step) for variable in required)
    extras = [moment.variable for moment in adjustment if moment not in found.required]
    fitting = [v for v in extras if window_steps(signals[v.signal], matrix.step) <= longest]
    try:
        return bring_to_common_window(matrix, tuple(dict.fromkeys((*required, *fitting))), signals)
    except WindowError:
        return bring_to_common_window(matrix, required, signals)


def _names(moments: Sequence[LaggedVariable]) -> list[str]:
    return sorted({str(moment.variable) for moment in moments})
