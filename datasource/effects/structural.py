"""The structural model: every variable's linear equation in its causes, as the causal graph names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasource.data import Floats, Matrix, Variable
from datasource.effects.windows import WindowError, bring_to_common_window, window_steps
from datasource.graph import CausalGraph
from datasource.numerics import (
    Regression,
    glsar,
    honest_residuals,
    least_squares,
    long_run_covariance,
    long_run_terms,
    on_grid,
)
from datasource.settings import Signal

RECENT = 30
"""So many of the newest points make up the level now."""

_ORDER, _ITERATIONS = 5, 5
_NEVER_NEGATIVE = ("load", "latency", "work", "failure", "success", "saturation", "event", "activity")
_TOO_OFTEN_MISSING = 0.5


@dataclass(frozen=True)
class Equation:
    """How a variable answers to its measured causes.

    `parents` (k) are causes and their lags in steps; `coefficients` (k) units of the variable per unit of the cause,
    NaN where the data cannot tell it from the others; `covariance` (k, k) is theirs (HAC), `freedom` (k) what Student's
    t knows each with. `unmeasured` are causes that the equation lacks.
    """

    variable: Variable
    parents: tuple[tuple[Variable, int], ...]
    coefficients: Floats
    covariance: Floats
    freedom: Floats
    unmeasured: tuple[Variable, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Level:
    """Where a variable is: its newest points (RECENT at most, NaN where missing) and the range it was ever seen in."""

    recent: Floats
    low: float
    high: float
    window: int
    never_negative: bool

    @property
    def now(self) -> float:
        """The mean of the newest points; NaN where there is none."""
        there = self.recent[np.isfinite(self.recent)]
        return float(there.mean()) if there.size else np.nan


@dataclass(frozen=True)
class StructuralModel:
    """The equations of all variables that have causes, and the levels of all that are measured."""

    graph: CausalGraph
    equations: Mapping[Variable, Equation]
    levels: Mapping[Variable, Level]


def fit_structural(matrix: Matrix, graph: CausalGraph, signals: Mapping[str, Signal]) -> StructuralModel:
    """Fit the equation of every measured variable that has causes in the graph.

    Each is a linear regression on the causes at their lags with HAC covariance: ordinary least squares, and where the
    variable acts back on its causes, which biases that, GLSAR(5) with the lagged errors beside (Hatanaka 1974). Causes
    that are not measured, or missing at half of the variable's points, are left out and named. Pure; never raises on
    data: what cannot be fitted is NaN with a notice.
    """
    import networkx as nx

    there = {v: np.isfinite(matrix.row(v)) for v in matrix.variables}
    measured = [v for v in matrix.variables if there[v].any()]
    directed = nx.DiGraph([(edge.cause, edge.effect) for edge in graph.edges])
    loop = {v: number for number, found in enumerate(nx.strongly_connected_components(directed)) for v in found}
    equations = {}
    for variable in measured:
        causes = sorted({(edge.cause, edge.lag) for edge in graph.parents(variable)})
        if not causes:
            continue
        own = there[variable]
        often = {cause for cause, _ in causes if cause in there and there[cause][own].mean() > _TOO_OFTEN_MISSING}
        kept = [(cause, lag) for cause, lag in causes if cause in often]
        unmeasured = tuple(sorted({cause for cause, _ in causes} - often))
        feedback = any(loop[cause] == loop[variable] for cause, _ in kept)
        equations[variable] = _equation(variable, kept, unmeasured, matrix, signals, feedback)
    return StructuralModel(graph, equations, {v: _level(v, matrix, signals[v.signal]) for v in measured})


def _equation(
    variable: Variable,
    parents: Sequence[tuple[Variable, int]],
    unmeasured: tuple[Variable, ...],
    matrix: Matrix,
    signals: Mapping[str, Signal],
    feedback: bool,
) -> Equation:
    width = len(parents)
    unknown = np.full(width, np.nan), np.full((width, width), np.nan), np.ones(width)

    def answer(fitted: tuple[Floats, Floats, Floats], *notices: str) -> Equation:
        return Equation(variable, tuple(parents), *fitted, unmeasured, notices)

    if not parents:
        return answer(unknown)
    try:
        window = bring_to_common_window(matrix, tuple({variable: 0} | dict(parents)), signals)
    except WindowError as error:
        return answer(unknown, f"no equation for {variable}: {error}")
    outcome = window.rows[variable]
    columns = np.column_stack([_lagged(window.rows[cause], lag) for cause, lag in parents])
    whole = np.isfinite(columns).all(axis=1) & np.isfinite(outcome)
    n, wanted = int(whole.sum()), max(RECENT, 3 * (width + 1))
    if n < wanted:
        return answer(unknown, f"no equation for {variable}: {n} of {wanted} points that it needs")
    outcome, columns = outcome[whole], columns[whole]
    places = np.flatnonzero(whole).astype(np.int64)
    if feedback:
        fit = glsar(outcome, columns, _ORDER, _ITERATIONS, places, feedback)
    else:
        fit = least_squares(outcome, columns, places)
    coefficients = np.where(_entangled(columns, fit.coefficients[1:]), np.nan, fit.coefficients[1:])
    covariance, freedom = _uncertainty(fit, window.steps)
    notices = list(window.notices)
    if not (outcome != outcome[0]).any():
        notices.append(f"{variable} never moved, whatever its causes did")
    lost = sorted({str(cause) for (cause, _), one in zip(parents, coefficients, strict=True) if np.isnan(one)})
    if lost:
        notices.append(
            f"what {', '.join(lost)} does to {variable} is not known: constant, or moves only with its other causes"
        )
    return answer((coefficients, covariance, freedom), *notices)


def _entangled(columns: Floats, coefficients: Floats) -> NDArray[np.bool_]:
    """Which columns (n, k) depend on one another, so that no coefficient among them means anything."""
    lost = np.isnan(coefficients)
    if not lost.any():
        return lost
    found, kept = lost.copy(), np.flatnonzero(~lost)
    spread = columns.std(axis=0)
    for column in np.flatnonzero(lost & (spread > 0)):
        told = least_squares(columns[:, column], columns[:, kept]).coefficients[1:]
        found[kept] |= np.abs(np.nan_to_num(told)) * spread[kept] > 1e-6 * spread[column]
    return found


def _uncertainty(fit: Regression, window: int) -> tuple[Floats, Floats]:
    """The covariance (k, k) of the slopes, as `numerics.long_run_intervals` has it, and the degrees of freedom (k)."""
    weights = fit.weights[:, 1:]
    width = weights.shape[1]
    if len(weights) <= fit.rank or not fit.rank:
        return np.full((width, width), np.nan), np.ones(width)
    series = on_grid(weights * honest_residuals(fit)[:, None], fit.positions).T
    largest = np.abs(weights).max(axis=0)
    squares = (weights / np.where(largest > 0, largest, 1.0)) ** 2
    freedom = squares.sum(axis=0) ** 2 / np.maximum((squares**2).sum(axis=0), 1e-300)
    most = min(len(weights) - fit.rank, long_run_terms(series.shape[1], window))
    return long_run_covariance(series, window), np.clip(freedom, 1.0, max(most, 1.0))


def _level(variable: Variable, matrix: Matrix, signal: Signal) -> Level:
    row = np.where(np.isfinite(matrix.row(variable)), matrix.row(variable), np.nan)
    low, high = float(np.nanmin(row)), float(np.nanmax(row))
    never = low >= 0 and (signal.role in _NEVER_NEGATIVE or signal.kind in ("rate", "event"))
    return Level(row[-RECENT:], low, high, window_steps(signal, matrix.step), never)


def _lagged(row: Floats, lag: int) -> Floats:
    return np.concatenate([np.full(min(lag, len(row)), np.nan), row[: max(len(row) - lag, 0)]])
