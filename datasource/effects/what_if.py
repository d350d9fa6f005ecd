"""What if a variable were held at a value for good: do(variable = value), pushed through the structural model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from datasource.data import Floats, Variable
from datasource.effects.result import Estimate
from datasource.effects.structural import RECENT, Equation, Level, StructuralModel
from datasource.effects.study import StudyError
from datasource.graph.evidence import doubts
from datasource.numerics import long_run_errors, long_run_terms

DRAWS = 1000
_SEED = 1
_UNSURE = 0.025
"""A loop that runs away in so many draws has no interval."""
_DOUBTS = 3
"""So many edges that are doubtful are named beside a prediction."""
_LARGE_LOOP, _AT_ONCE = 60, 20


@dataclass(frozen=True)
class Prediction:
    """The level of an outcome now and with do(treatment = value), once everything has settled, in its own unit.

    `lower` and `upper` hold 95%, the uncertainty of the level included; `change` has that of the effect alone. NaN
    where nothing can be said, and `notices` say why.
    """

    treatment: Variable
    value: float
    outcome: Variable
    now: float
    predicted: float
    lower: float
    upper: float
    change: Estimate
    notices: tuple[str, ...] = ()


def what_if(
    model: StructuralModel, variable: Variable, value: float, outcomes: Sequence[Variable] = ()
) -> tuple[Prediction, ...]:
    """One prediction an outcome, without `outcomes` of everything that the variable reaches.

    The intervention cuts the variable off from its own causes (Pearl 2009, "Causality", chapter 3); the total effects
    solve the equations with the coefficients of all lags summed, which is where the system comes to rest. Intervals
    come from 1,000 seeded draws of the coefficients (Student's t, HAC covariance) and of the level. A feedback loop
    whose gain is 1 or more never comes to rest and is refused. Raises StudyError for a variable that is not measured or
    a value that is no number.
    """
    if variable not in model.levels:
        raise StudyError(f"{variable} is not measured; ask about a variable that is")
    if not np.isfinite(value):
        raise StudyError(f"{variable} cannot be held at {value}; give a number")
    for outcome in outcomes:
        if outcome not in model.levels:
            raise StudyError(f"{outcome} is not measured; ask about an outcome that is")
    propagation = _Propagation(model, variable)
    wanted = outcomes or propagation.reached
    return tuple(_predict(propagation, value, outcome) for outcome in wanted)


def reached(model: StructuralModel, variable: Variable) -> tuple[Variable, ...]:
    """Every measured variable that this one acts on, through whatever the graph has between."""
    found = model.graph.descendants(variable)
    return tuple(sorted(v for v in found if v in model.levels and v != variable))


class _Propagation:
    """The effect of one unit more of a variable on everything it reaches; the first of the draws is the estimate."""

    def __init__(self, model: StructuralModel, variable: Variable) -> None:
        import networkx as nx

        self.model, self.variable = model, variable
        self.reached = reached(model, variable)
        self._rng = np.random.default_rng(_SEED)
        self.effects: dict[Variable, Floats] = {variable: np.ones(DRAWS + 1)}
        self._said: dict[Variable, list[str]] = {}
        kept = {*self.reached, variable}
        self._equations = {v: model.equations[v] for v in self.reached if v in model.equations}
        self._ways: Any = nx.DiGraph()
        self._ways.add_nodes_from(sorted(kept))
        for child, equation in self._equations.items():
            self._ways.add_edges_from((cause, child) for cause, _ in equation.parents if cause in kept)
        members = nx.condensation(self._ways)
        for place in nx.topological_sort(members):
            together = sorted(members.nodes[place]["members"])
            if together != [variable]:
                self._solve(together)

    def notices(self, outcome: Variable) -> tuple[str, ...]:
        """What is to be said of the equations between the variable and an outcome."""
        import networkx as nx

        if outcome not in self.reached:
            return (f"{self.variable} does not reach {outcome} in the graph: no change",)
        between = sorted(nx.ancestors(self._ways, outcome) | {outcome})
        on_the_way = [v for v in between if v != self.variable and np.any(self.effects[v][0] != 0)]
        said = [text for v in on_the_way for text in (*self._said.get(v, ()), *self._equations[v].notices)]
        said += [f"{v}'s equation lacks {_names(u)}" for v in on_the_way if (u := self._equations[v].unmeasured)]
        if not nx.has_path(self._ways, self.variable, outcome):
            said.append(f"{self.variable} reaches {outcome} only through what is not measured")
        said += doubts(self.model.graph, self.variable, outcome)[:_DOUBTS]
        return tuple(dict.fromkeys(said))

    def _solve(self, together: list[Variable]) -> None:
        """The effects on one variable, or on those of one feedback loop."""
        outside = np.zeros((DRAWS + 1, len(together)))
        ties: list[_Tie] = []
        for row, child in enumerate(together):
            equation = self._equations.get(child)
            if equation is None or not self._ways.in_degree(child):
                outside[:, row] = np.nan
                continue
            for (cause, lag), drawn in zip(equation.parents, _draw(equation, self._rng).T, strict=True):
                if cause in together:
                    ties.append(_Tie(row, together.index(cause), lag, drawn))
                elif cause in self.effects and np.any(self.effects[cause] != 0):
                    outside[:, row] += drawn * self.effects[cause]
        solved = self._settle(together, outside, ties) if ties else outside
        self.effects |= dict(zip(together, solved.T, strict=True))

    def _settle(self, together: list[Variable], outside: Floats, ties: list["_Tie"]) -> Floats:
        """Where a loop comes to rest; NaN, with a reason, where it does not."""
        size, names = len(together), _names(together)
        solved: Floats = np.full_like(outside, np.nan)
        if not all(np.isfinite(tie.drawn[0]) for tie in ties):
            return solved
        gain = _gain(ties, size)
        if gain >= 1:
            text = f"the feedback among {names} grows by a factor of {gain:.2f} every step: it never comes to rest"
            self._said[together[0]] = [f"{text}, so nothing is predicted; check these edges of the graph"]
            return solved
        draws = DRAWS if size <= _LARGE_LOOP else DRAWS // 5
        for first in range(0, draws + 1, _AT_ONCE):
            part = slice(first, min(first + _AT_ONCE, draws + 1))
            left = np.tile(np.eye(size), (part.stop - first, 1, 1))
            for tie in ties:
                left[:, tie.row, tie.column] -= tie.drawn[part]
            # A loop at rest has a positive determinant; drawn past a gain of 1, it is negative.
            rests = np.linalg.slogdet(left)[0] > 0
            solved[part][rests] = np.linalg.solve(left[rests], outside[part][rests][..., None])[..., 0]
        solved[1:] = np.resize(solved[1 : draws + 1], solved[1:].shape)
        if np.isnan(solved[1:]).any(axis=1).mean() > _UNSURE:
            self._said[together[0]] = [f"the feedback among {names} may have a gain of 1: there is no interval"]
            solved[1:] = np.nan
        return solved


class _Tie(NamedTuple):
    """Within a loop: what one unit more of `column` does to `row` after `lag` steps, the estimate and the draws."""

    row: int
    column: int
    lag: int
    drawn: Floats


def _predict(propagation: _Propagation, value: float, outcome: Variable) -> Prediction:
    model, variable = propagation.model, propagation.variable
    now, start = model.levels[outcome], model.levels[variable]
    notices = list(_range_notices(variable, value, start))
    if outcome == variable:
        change = Estimate(*(value - start.now,) * 3)
        return Prediction(variable, value, outcome, now.now, value, value, value, change, tuple(notices))
    if np.isnan(now.now):
        notices.append(f"{outcome} has no sample in the last {RECENT} points")
    if np.isnan(start.now):
        notices.append(f"{variable} has no sample in the last {RECENT} points: the change is not known")
    notices += propagation.notices(outcome)
    effects = propagation.effects.get(outcome, np.zeros(DRAWS + 1))
    moved = effects * (value - start.now) if outcome in propagation.reached else np.zeros(DRAWS + 1)
    predicted = float(now.now + moved[0])
    error, freedom = _level_error(now, start, float(effects[0]))
    drawn = now.now + moved[1:] + error * np.random.default_rng(_SEED).standard_t(freedom, DRAWS)
    if now.never_negative and predicted < 0:
        notices.append(f"{outcome} cannot be negative: the straight lines of the model do not reach that far")
    change = Estimate(float(moved[0]), *_middle(moved[1:]))
    return Prediction(
        variable, value, outcome, now.now, predicted, *_middle(drawn), change, tuple(dict.fromkeys(notices))
    )


def _range_notices(variable: Variable, value: float, level: Level) -> Iterable[str]:
    if level.never_negative and value < 0:
        yield f"{variable} cannot be negative"
    elif not level.low <= value <= level.high:
        yield (
            f"{variable} was only ever seen between {level.low:.4g} and {level.high:.4g}: {value:.4g} is extrapolation"
        )


def _level_error(outcome: Level, treatment: Level, effect: float) -> tuple[float, float]:
    """The standard error of the outcome's mean level beside what the treatment made of it, and its freedom."""
    rest = outcome.recent - np.nan_to_num(effect) * np.nan_to_num(treatment.recent)
    rest = rest[np.isfinite(rest)]
    if rest.size < 3:
        return np.nan, 1.0
    error = long_run_errors((rest - rest.mean())[None], outcome.window)[0]
    return float(error) / rest.size, float(long_run_terms(rest.size, outcome.window))


def _draw(equation: Equation, rng: np.random.Generator) -> Floats:
    """The coefficients (1 + DRAWS, k): the estimate, then draws around it."""
    width = len(equation.parents)
    spread = np.sqrt(np.maximum(np.diag(equation.covariance), 0))
    safe = np.where(spread > 0, spread, 1.0)
    values, vectors = np.linalg.eigh(np.nan_to_num(equation.covariance / np.outer(safe, safe)))
    normal = rng.standard_normal((DRAWS, width)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    normal *= np.sqrt(equation.freedom / rng.chisquare(equation.freedom, (DRAWS, width)))
    return np.vstack([equation.coefficients, equation.coefficients + normal * spread])


def _gain(ties: Sequence[_Tie], size: int) -> float:
    """By what factor a disturbance of a loop grows in a step: the spectral radius of its companion matrix."""
    last = max(tie.lag for tie in ties)
    steps = np.zeros((last + 1, size, size))
    for tie in ties:
        steps[tie.lag, tie.row, tie.column] += tie.drawn[0]
    if last == 0:
        return 0.0
    companion = np.eye(size * last, k=-size)
    companion[:size] = np.hstack(list(np.linalg.solve(np.eye(size) - steps[0], steps[1:])))
    return float(np.abs(np.linalg.eigvals(companion)).max())


def _middle(drawn: Floats) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if known.size < DRAWS * (1 - _UNSURE):
        return np.nan, np.nan
    lower, upper = np.percentile(known, [2.5, 97.5])
    return float(lower), float(upper)


def _names(variables: Iterable[Variable]) -> str:
    return ", ".join(map(str, variables))
